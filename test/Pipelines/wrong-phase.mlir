// A pipeline checks what it made: a module of another phase than the one before
// it is an error, and no result.

// RUN: not qopt-opt %s --qopt-to-integer 2>&1 | FileCheck %s --check-prefix=INTEGER
// RUN: not qopt-opt %s --qopt-to-llvm 2>&1 | FileCheck %s --check-prefix=LLVM
// RUN: qopt-opt %s --qopt-to-float --qopt-to-observed | FileCheck %s --check-prefix=OBSERVED
// RUN: not qopt-opt %s --qopt-to-float --qopt-to-observed --qopt-to-calibrated 2>&1 | FileCheck %s --check-prefix=CALIBRATED

// INTEGER: error: {{.*}}phase 'integer': 'linalg.matmul' is in float without a reason
// LLVM: error:
// OBSERVED: qopt.observe
// CALIBRATED: error: {{.*}}phase 'calibrated': edge 'x' has no range
// CALIBRATED: note: {{.*}}qopt-apply-calibration should have set it

func.func @m(%x: tensor<4x4xf32> {qopt.name = "x"}, %o: tensor<4x4xf32> {qopt.name = "o"}) -> (tensor<4x4xf32> {qopt.name = "y"}) {
  %w = arith.constant dense<1.0> : tensor<4x4xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<4x4xf32>, tensor<4x4xf32>) outs(%o : tensor<4x4xf32>) -> tensor<4x4xf32> loc("mm")
  return %0 : tensor<4x4xf32>
}
