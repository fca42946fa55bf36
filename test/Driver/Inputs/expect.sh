# expect.sh CODE COMMAND...: runs COMMAND; fails unless it exits with CODE and
# says so in one line on stderr, which goes to stdout. Lines of progress do not
# count.
expected=$1
shift
message=$("$@" 2>&1 >/dev/null)
code=$?
message=$(printf '%s\n' "$message" | grep -v '^calibrating: \|^evaluating: ')
printf '%s\n' "$message"
if [ "$code" -ne "$expected" ]; then
  echo "expect.sh: expected exit code $expected, got $code" >&2
  exit 1
fi
if [ "$(printf '%s\n' "$message" | wc -l)" -ne 1 ]; then
  echo "expect.sh: expected one line on stderr" >&2
  exit 1
fi
