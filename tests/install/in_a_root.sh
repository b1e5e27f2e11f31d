#!/usr/bin/env bash
# What fresh_roots.sh does in each root: FIRST and SECOND are README's two commands.
set -euo pipefail
cd ~/segmenter
fail() { echo "FAILED: $*"; tail -n 40 "$HOME/first.log"; exit 1; }

echo "$(. /etc/os-release; echo "$PRETTY_NAME"), $(whoami), $(python3 --version), pip: $(python3 -m pip --version 2>/dev/null || echo none)"

SECONDS=0
setsid bash -c "$FIRST --port $PORT" >"$HOME/first.log" 2>&1 &
first=$!
until grep -q . "$HOME/first.log"; do sleep 0.1; done
[ $SECONDS -le 1 ] || fail "the first word came after $SECONDS s"
until grep -q "^Listening on" "$HOME/first.log"; do
  kill -0 $first 2>/dev/null || fail "it ended"
  [ $SECONDS -lt 600 ] || fail "not listening after 600 s"
  sleep 0.2
done
echo "served after $SECONDS s; $(grep -o "^Installed in [0-9]* s" "$HOME/first.log"); .venv of $(du -sm .venv | cut -f1) MB"
python3 - "$PORT" "$HOME/first.log" <<'PYTHON' || fail "the pages"
import json, re, sys, urllib.request

base, printed = f"http://127.0.0.1:{sys.argv[1]}", open(sys.argv[2]).read()
for path, where in [("/healthz", ""), ("/readyz", ""), ("/api/", "/api/docs"), ("/", "/admin/login/"), ("/api/schema", "")]:
    with urllib.request.urlopen(base + path, timeout=20) as answer:
        assert answer.status == 200 and where in answer.url, (path, answer.status, answer.url)
key, workspace = re.search(r"x-api-key (\S+)", printed)[1], re.search(r"workspaces/(\w{24})/", printed)[1]
asked = urllib.request.Request(f"{base}/api/workspaces/{workspace}/segments", headers={"x-api-key": key})
with urllib.request.urlopen(asked, timeout=20) as answer:
    count = json.load(answer)["data"]["count"]
assert count >= 6, count
print(f"pages and API answer, {count} segments")
PYTHON
for tool in ruff mypy pytest; do [ ! -e .venv/bin/$tool ] || fail "$tool is installed"; done
for part in segments .venv/lib/python3*/site-packages/django; do
  [ -e $part/__pycache__ ] || fail "$part has no bytecode"
done
TIMEFORMAT="a command takes %U s of CPU"
time .venv/bin/python manage.py check >/dev/null
kill -TERM -- -$first  # the whole group
wait $first || true
.venv/bin/python manage.py database stop

SECONDS=0
bash -c "$SECOND $TESTS" >"$HOME/second.log" 2>&1 || { tail -n 40 "$HOME/second.log"; echo "FAILED: $SECOND"; exit 1; }
echo "tests after $SECONDS s: $(tail -n 1 "$HOME/second.log")"
.venv/bin/python manage.py database stop
