# resume.sh PHASES NET.o: compiles on from every dumped phase that has its
# ranges; fails unless each gives the bytes of NET.o.
for path in "$1"/0[3-8].*.mlir; do
  phase=${path##*/??.}
  phase=${phase%.mlir}
  qopt compile "$path" --compile-from "$phase" --name net -o resumed.o || exit 1
  cmp "$2" resumed.o || exit 1
done
