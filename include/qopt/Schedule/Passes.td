//===- Passes.td - Passes that make loop nests ---------*- tablegen -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_SCHEDULE_PASSES_TD
#define QOPT_SCHEDULE_PASSES_TD

include "mlir/Pass/PassBase.td"

def AssignSchedulePass : Pass<"qopt-assign-schedule", "::mlir::func::FuncOp"> {
  let summary = "Decide how each fused region becomes a loop nest";
  let description = [{
    Groups linalg operations into fused regions and gives the root of each a
    `qopt.schedule`: kernel, lanes, tile sizes and loop order, chosen by a
    static cost model from the target's description and the shapes. A root that
    already has one keeps it, so a schedule can be written by hand. For several
    threads, a dimension of a nest that costs enough is cut into tasks, each of
    which goes through all loops with its share; rows rather than channels, as
    the next nest then finds its rows in the cache of the same core.

    Expects static shapes on tensors. Operations that code generation does not
    understand are in no region and stay as they are.
  }];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"\"native\"",
           "Name of the target">,
    Option<"threads", "threads", "int64_t", /*default=*/"1",
           "How many threads share a nest">,
    Option<"leastTasks", "least-tasks", "int64_t",
           /*default=*/"kLeastTasksCost",
           "Vector instructions from which on a nest is cut into tasks">
  ];
}

def GenerateNestsPass : Pass<"qopt-generate-nests", "::mlir::func::FuncOp"> {
  let summary = "Turn each scheduled region into one loop nest";
  let description = [{
    Emits `scf.for` loops over the tiles of a root's result, which carry the
    destination tensor; in each tile, the whole region is computed in vectors,
    producers on demand, and stored once. No intermediate tensor of a region
    exists afterwards. Integer contractions under a `dot` schedule read weights
    that were packed at compile time (`docs/Layouts.md`) and become `qopt.dot`;
    depthwise ones under a `depthwise-dot` schedule do so on interleaved pixels.
    What one operation of a region rounds to bytes and another one dequantizes
    stays a float in between, in vectors.

    All results are equal to those of the linalg operations to the bit: vectors
    run over different elements of the result, and a float sum keeps its order.

    Expects `qopt-assign-schedule`. Guarantees that every access is in bounds.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect", "::mlir::vector::VectorDialect",
    "::qopt::QoptDialect"];
}

def MultiplyByInversePass
    : Pass<"qopt-multiply-by-inverse", "::mlir::func::FuncOp"> {
  let summary = "Quantize to bytes without a division";
  let description = [{
    ```
    clamp(rne(x / s))  ->  clamp(rne(fma(x, hi, x * lo)))
    ```
    `hi + lo` is `1 / s`, `hi` rounded down, so that both products grow with x.
    Then so does the new form, as does the old one, and the two round to the
    same steps for all x, infinities included, if they change steps at the same
    floats: those are looked up, two for each step of the range. Where one
    differs, or the scale is not a constant, the division stays. NaN stays NaN.

    Expects the spelling of `convert-qopt-to-linalg`. For targets with `fma`.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect"];
}

def PlaceResultsPass : Pass<"qopt-place-results", "::mlir::func::FuncOp"> {
  let summary = "Let producers write into padded and concatenated buffers";
  let description = [{
    ```
    pad(x)        -> x is computed into the interior, then the border filled
    concat(x, y)  -> x and y are computed into their parts
    ```
    `tensor.pad` and `tensor.concat` become `tensor.insert_slice`, and the
    destination of the operation that computes what is inserted becomes the
    matching `tensor.extract_slice`, so that bufferization needs no copy. Where
    that is not possible (an argument, a value placed elsewhere already), a
    `linalg.copy` does it. Other readers of a placed value read it from there.

    With a target, `tensor.pad` of such a value stays where the nests of its
    readers will need no copy: they are to be depthwise on interleaved pixels,
    and read the source or, at the border, the padding.

    Expects static shapes and constant padding.
  }];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"\"\"",
           "Name of the target; none: no nest reads around padding">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::bufferization::BufferizationDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def SignActivationsPass
    : Pass<"qopt-sign-activations", "::mlir::func::FuncOp"> {
  let summary = "Store unsigned activations signed where dots want them so";
  let description = [{
    ```
    q' = q ^ 0x80, which is q - 128 as a signed byte
    ```
    For targets that multiply no unsigned bytes by signed ones. Each unsigned
    tensor that such a dot reads is stored as `q'`, with all tensors that share
    its elements through movement or maximum. What makes and reads them changes,
    most of it at no cost:

    | with `q` | with `q'` |
    |---|---|
    | `quantize`, `requantize` to zero point `z` in `[lo, hi]` | `z - 128`, `[lo - 128, hi - 128]` |
    | `lookup` with result `q` | the table's elements `^ 0x80` |
    | padding with `c` | with `c ^ 0x80` |
    | unsigned maximum | signed maximum |
    | `acc + sum extu(q) * w` | `(acc + 128 * sum w) + sum exts(q') * w`; what the sum starts from is constant |
    | `requantize`, `dequantize` from zero point `z` | signed, from `z - 128` |
    | `lookup` at `q` | at `q'`, with the table's halves exchanged |
    | `extu(q)` elementwise | `exts(q') + 128` |

    Anything else, such as an input or a result of the function, keeps `q`, and
    an elementwise `x ^ 0x80` stands between the two.

    Expects the phase `integer`, static shapes.
  }];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"\"native\"",
           "Name of the target">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect",
                           "::qopt::QoptDialect"];
}

def SinkMovementPass : Pass<"qopt-sink-movement", "::mlir::func::FuncOp"> {
  let summary = "Move reshapes below the elementwise work of their producers";
  let description = [{
    ```
    f(collapse(x), y) -> collapse(f'(x, y))
    transpose(f(x))   -> f'(x)
    ```
    A grouped convolution gives (group, channel), its epilogue works on merged
    channels: the reshape between them would end the fused region, and sums of
    32 bits would be stored. The elementwise operation takes the loops of `x`
    instead; other operands are read at the sum that the parts of a dimension
    make, constants included, so that nothing else is reshaped.

    Fires where the producer of `x` is an operation that code generation
    understands with no other use, and all uses of the reshape are elementwise.
    Numbers do not change.

    An elementwise operation on inputs of the function or other memory computes
    its elements in the order in which its only use, a transposition, puts them:
    what quantizes an image of planes then ends in bytes, which are packed.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def SplitIntoStripsPass
    : Pass<"qopt-split-into-strips", "::mlir::func::FuncOp"> {
  let summary = "Compute chains of large images a few rows at a time";
  let description = [{
    ```
    f(pad(g(x)))  ->  concat(f(pad(g(x[0:9]))), f(pad(g(x[7:17]))), ...)
    ```
    `f` and `g` are regions that become loop nests. Where the image between them
    is more than the caches near a core hold (1 MiB) and has no other reader,
    both run on a strip of rows before the next; so does what follows as long as
    it reads every row once, such as a 1x1 convolution, or a large image, too.
    The results of two neighbours take 512 KiB of a strip at most. Strips are as
    many as needed and of the same number of rows, so that a prime number of
    rows stays whole. Where windows overlap, halos are computed twice: a chain
    is cut off where that would be more than a tenth of an image's rows, and
    where its result is padded. All maps are sums of loops.

    The image itself is gone, and the arena smaller. `qopt-place-results` joins
    the strips at no cost, `qopt-outline-nests` makes one function of strips
    that are alike.

    Expects static shapes, the spelling of `convert-qopt-to-linalg`.
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect",
                           "::mlir::tensor::TensorDialect"];
}

def BlockRowsPass : Pass<"qopt-block-rows", "::mlir::func::FuncOp"> {
  let summary = "Let nests on the same rows take turns, a block at a time";
  let description = [{
    ```
    y = h(x, g(x))  ->  for i: y[i] = h(x[i], g(x[i]))
    ```
    `qopt-opt softmax.mlir --convert-qopt-to-linalg --qopt-block-rows` shows it.
    `g` and `h` are regions that become loop nests, and `i` runs through blocks
    along the leading dimensions, in which both read the position that they
    write, or nothing that depends on it: the rows of a softmax, or of a
    normalization. What `g` computes is stored for one block at a time, where
    the first-level cache holds it; for the arena that is a few kilobytes.

    Fires where a result between regions takes more than 16 KiB. Blocks have the
    same number of rows, the largest that takes at most 42 KiB in all tensors
    together; if that is less than four, the smallest of four and more that
    takes at most 512 KiB. Contractions, which share weights between rows, stay
    outside, and so does what something else reads as well. Rows along several
    dimensions are taken as along one, unless they have gaps between them.

    The result goes where `qopt-place-results` has put it, or over an input of
    the same type that no other nest reads.

    Expects static shapes, the spelling of `convert-qopt-to-linalg`.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::bufferization::BufferizationDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect"];
}

#endif // QOPT_SCHEDULE_PASSES_TD
