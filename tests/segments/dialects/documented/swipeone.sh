curl -X POST "https://api.swipeone.com/api/workspaces/6660175570fbd8a9c22bedfb/segments" \
-H "x-api-key: YOUR_API_KEY" \
-H "Content-Type: application/json" \
-d '{
"name": "Subscription Status in trial and Gender is Female",
"criteria": {
"type": "and",
"predicates": [
{
"property": "customProperties.subscriptionStatus",
"operator": "is",
"value": "in_trial",
"dataType": "string"
},
{
"property": "gender",
"operator": "is",
"value": "Female",
"dataType": "string"
}
]
}
}'

curl -X GET "https://api.swipeone.com/api/workspaces/6660175570fbd8a9c22bedfb/segments" \
-H "x-api-key: YOUR_API_KEY"

curl -X GET "https://api.swipeone.com/api/segments/6684f0911504d49e7c00312e" \
-H "x-api-key: YOUR_API_KEY"

curl -X GET "https://api.swipeone.com/api/segments/6684f0911504d49e7c00312e/contacts?limit=10" \
-H "x-api-key: YOUR_API_KEY"

curl -X PATCH "https://api.swipeone.com/api/segments/6684f0911504d49e7c00312e" \
-H "x-api-key: YOUR_API_KEY" \
-H "Content-Type: application/json" \
-d '{
"name": "Updated Segment Name",
"criteria": {
"type": "and",
"predicates": [
{
"property": "customProperties.subscriptionStatus",
"operator": "is",
"value": "active",
"dataType": "string"
}
]
}
}'
