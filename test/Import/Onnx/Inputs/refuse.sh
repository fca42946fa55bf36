# refuse.sh FOLDER QOPT ENCODER...: every FOLDER/*.textproto, in order of name,
# must be refused with exit code 1 and one line, which goes to stdout. Flags for
# qopt stand in the text behind `# FLAGS:`.
export LC_ALL=C
folder=$1
qopt=$2
shift 2
status=0
for text in "$folder"/*.textproto; do
  model=${text%.textproto}.onnx
  flags=$(sed -n 's/^# FLAGS: //p' "$text")
  "$@" < "$text" > "$model" || exit 1
  # The flags are words.
  # shellcheck disable=SC2086
  message=$("$qopt" compile "$model" $flags --compile-to input 2>&1 >/dev/null)
  code=$?
  printf '%s\n' "$message"
  if [ "$code" -ne 1 ] || [ "$(printf '%s\n' "$message" | wc -l)" -ne 1 ]; then
    echo "refuse.sh: $text: expected exit code 1 and one line, got $code" >&2
    status=1
  fi
done
exit $status
