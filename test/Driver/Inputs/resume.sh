# resume.sh QOPT PHASES NET.o: compiles on from every dumped phase that has its
# ranges; fails unless each gives the bytes of NET.o.
for path in "$2"/0[3-8].*.mlir; do
  phase=${path##*/??.}
  phase=${phase%.mlir}
  "$1" compile "$path" --compile-from "$phase" --name net -o resumed.o || exit 1
  cmp "$3" resumed.o || exit 1
done
