# twice.sh OPT FILE PASS...: OPT runs the passes one after the other on FILE, each
# of them twice; fails at the first whose second run changes anything but
# locations.
opt=$1
module=$2
shift 2
for pass in "$@"; do
  "$opt" "$module" "$pass" --mlir-print-debuginfo -o next.mlir || exit 1
  mv next.mlir state.mlir && module=state.mlir
  "$opt" "$module" -o once.mlir || exit 1
  "$opt" "$module" "$pass" -o twice.mlir || exit 1
  if ! cmp once.mlir twice.mlir; then
    echo "twice.sh: $pass: expected a second run to change nothing" >&2
    exit 1
  fi
done
