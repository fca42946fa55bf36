// RUN: qopt-opt %s --qopt-assign-schedule=target=x86-64-v4-vnni --qopt-generate-nests --split-input-file | FileCheck %s
// RUN: qopt-opt %s --qopt-assign-schedule=target=x86-64-v4-vnni --qopt-generate-nests --qopt-expand-math --split-input-file | FileCheck %s --check-prefix=EXPANDED

// The chains of a function's operations are long: four vectors take turns.
// CHECK-LABEL: func.func @function
// CHECK:      scf.for
// CHECK-COUNT-4: vector.transfer_read {{.*}} : tensor<8x64xf32>, vector<16xf32>
// CHECK:      arith.negf
// CHECK-NEXT: arith.negf
// CHECK-NEXT: arith.negf
// CHECK-NEXT: arith.negf
// CHECK-NEXT: math.exp
// CHECK-NEXT: math.exp
// CHECK-NEXT: math.exp
// CHECK-NEXT: math.exp

// EXPANDED-LABEL: func.func @function
// EXPANDED:      arith.bitcast %{{.*}} : vector<16xf32> to vector<16xi32>
// EXPANDED-NEXT: arith.bitcast %{{.*}} : vector<16xf32> to vector<16xi32>
// EXPANDED-NEXT: arith.bitcast %{{.*}} : vector<16xf32> to vector<16xi32>
// EXPANDED-NEXT: arith.bitcast %{{.*}} : vector<16xf32> to vector<16xi32>
// EXPANDED-NOT:  math.exp
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @function(%x: tensor<8x64xf32>, %e: tensor<8x64xf32>) -> tensor<8x64xf32> {
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x : tensor<8x64xf32>) outs(%e : tensor<8x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.negf %a : f32
    %1 = math.exp %0 : f32
    linalg.yield %1 : f32
  } -> tensor<8x64xf32>
  return %r : tensor<8x64xf32>
}

// -----

// Other bodies go vector by vector, which keeps few values at once.
// CHECK-LABEL: func.func @no_function
// CHECK:      arith.negf
// CHECK-NEXT: arith.addf
// CHECK-NEXT: arith.negf
// CHECK-NEXT: arith.addf
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @no_function(%x: tensor<8x64xf32>, %e: tensor<8x64xf32>) -> tensor<8x64xf32> {
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x : tensor<8x64xf32>) outs(%e : tensor<8x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.negf %a : f32
    %1 = arith.addf %0, %a : f32
    linalg.yield %1 : f32
  } -> tensor<8x64xf32>
  return %r : tensor<8x64xf32>
}
