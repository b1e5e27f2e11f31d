curl -v -X POST -H 'Content-Type: application/json' -u EMAIL:PASSWORD -d '{"name":"segment1","filters":[{"field":"field1","operator":"=","value":"value1"}]}' https://api.tiledesk.com/v3/5b55e806c93dde00143163dd/segments

curl -v -X GET -H 'Content-Type: application/json' -u EMAIL:PASSWORD https://api.tiledesk.com/v3/5b55e806c93dde00143163dd/segments

curl -v -X GET -H 'Content-Type: application/json' -u EMAIL:PASSWORD https://api.tiledesk.com/v3/5b55e806c93dde00143163dd/segments/5c81593adf767b0017d1aa66
