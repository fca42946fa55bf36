//===- Passes.td - qopt's transformation passes ------------*- tablegen -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_TRANSFORMS_PASSES_TD
#define QOPT_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def ApplyCalibrationPass : Pass<"qopt-apply-calibration", "::mlir::ModuleOp"> {
  let summary = "Ranges from a calibration file onto the observed edges";
  let description = [{
    Reads a calibration file (docs/Calibration.md) and sets `min` and `max` on
    every `qopt.observe`, replacing what is there: `observed` -> `calibrated`.

    Fails, naming the edges, where the file lacks an observed edge or has it at
    another granularity (per tensor, or another number of channels). Warns
    where the file's `edges_hash` says that it was made for other edges, which
    another model has, or the same one with another size of the batch; a file
    with an empty one, written by hand, is taken as it is. Entries for edges
    that the module does not have are ignored.
  }];
  let options = [
    Option<"file", "file", "std::string", /*default=*/"\"\"",
           "The calibration file (JSON).">
  ];
}

def AssignLayoutPass : Pass<"qopt-assign-layout", "::mlir::func::FuncOp"> {
  let summary = "Move transpositions to where they cost least";
  let description = [{
    Front ends that speak NCHW wrap every convolution in two transpositions. A
    transposition of an operand sinks through the operation to its result
    wherever that does not raise their number: through elementwise operations
    and reductions (the loops are interchanged, constants moved by their data),
    pad, concat, extract_slice and reshapes. Inverse pairs meet and vanish. A
    flattening that stands in the way of a matrix product with constant weights
    goes into the rows of the weights. What is left and moves only dimensions
    of size 1 becomes a reshape; what is left behind an argument is hoisted
    above the elementwise operations there.

    Expects convolutions in the forms of the `float` phase. A function with
    dynamic shapes is left as it is.
    Guarantees the same values bit for bit, but for a matrix product whose
    weights' rows move: its sums run in another order. Reductions keep the order
    of their loops.

    Does not change the types of the function.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def BufferizePass : Pass<"qopt-bufferize", "::mlir::ModuleOp"> {
  let summary = "Tensors to buffers; results go to buffers of the caller";
  let description = [{
    Gives the model's function one `memref` argument per result, splits
    `tensor.pad` and `tensor.concat` that the schedule left whole, eliminates
    empty tensors and runs one-shot bufferization over the function boundary.
    Arguments and results get row-major memrefs without gaps; inputs are never
    written.

    Records the signature (names, element types, shapes, observed edges) in
    the module attribute `qopt.model`, from which the C interface is made.

    Expects one public function of one block with static shapes. Guarantees
    that no tensor is left, and that a result is computed in the caller's
    buffer wherever it is not an input, a constant or another result. Does not
    place the remaining allocations: see `qopt-plan-memory`.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect",
    "::mlir::arith::ArithDialect",
    "::mlir::bufferization::BufferizationDialect",
    "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

def CoalesceCopiesPass : Pass<"qopt-coalesce-copies", "::mlir::func::FuncOp"> {
  let summary = "Compute buffers where they are copied to";
  let description = [{
    ```
    copy(a, part of b) -> a is that part of b
    ```
    for an allocation `a` that is not written afterwards, where nothing else
    touches the part from the first access to `a` up to the copy, and nothing
    writes it as long as `a` is read. `b` is any buffer: one that a concatenation
    or padding assembles, or one of the caller's. Parts are boxes of static
    place, told apart by their corners; whatever accesses a buffer in a way that
    cannot be followed keeps its copy.

    Expects buffers that are allocated in the function's block (after
    `qopt-bufferize`); runs before `qopt-plan-memory`. Copies that are left have
    a reason: an input or a constant that is returned, a value returned twice.
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect"];
}

def ExpandCopiesPass : Pass<"qopt-expand-copies"> {
  let summary = "Copies of strided buffers as loops";
  let description = [{
    A `memref.copy` between buffers with gaps would be lowered to a call of a
    runtime library. It becomes a loop nest over the outer dimensions around a
    copy of the longest contiguous part; copies without gaps stay, and become
    `memcpy`.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect"
  ];
}

def ExpandMathPass : Pass<"qopt-expand-math"> {
  let summary = "Elementary functions as plain arithmetic";
  let description = [{
    Replaces `math.exp`, `math.tanh`, `math.erf`, `math.log` and `math.rsqrt`
    on f32, or on vectors of it, by the operations of `Support/FloatMath.h`:
    polynomials, selects and bit operations, in the order that
    `docs/Numerics.md` fixes. The reference interpreter evaluates the same
    formulas, so the bits agree; no call of a math library is left for these
    functions. Up to four neighbours of one kind are expanded together, each
    step for all of them, so that their chains of operations overlap.
    `arith.maximumf`, `minimumf`, `maxnumf` and `minnumf` become
    comparisons and selects that tell +0 from -0, which upstream's expansion
    does not. Operations on other types, and on tensors outside of structured
    operations, stay.

    With `fma`, `math.fma` on f32 becomes operations on f64, rounded to f32 once:
    for targets without the instruction, which would call a library. With
    `scalef`, vectors of 16 are multiplied by powers of two with `vscalefps`
    (AVX-512), which rounds once, as the two multiplications do that stand for it
    elsewhere.
  }];
  let options = [
    Option<"fma", "fma", "bool", /*default=*/"false",
           "Whether to expand math.fma, too">,
    Option<"scalef", "scalef", "bool", /*default=*/"false",
           "Whether the target has vscalefps on 512 bits">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::math::MathDialect"
  ];
}

def FoldBatchNormPass : Pass<"qopt-fold-batch-norm", "::mlir::func::FuncOp"> {
  let summary = "Fold affine maps per channel into weights and biases";
  let description = [{
    A batch normalization in inference, a bias, a scale: any elementwise body
    of sums, differences, products and quotients with constants that amounts to
    `a[c] * x + b[c]` for the channel `c`, the last dimension. After a
    contraction with constant weights and one use:
    ```
    contract(x, w; bias) * a + b  ->  contract(x, w * a; bias * a + b)
    ```
    and before one, unless `b` is not zero and a border of zeros lies between:
    ```
    contract(x * a + b, w; bias)  ->  contract(x, w * a; bias + sum_k w[k] * b[k])
    ```
    `a`, `b` and the products are computed in double and rounded to f32 once,
    so that every new weight has a relative error of at most 2^-24. Operations
    that become one carry both locations. A mean (sum, then factor) is left
    whole for the quantizer.

    Expects channels last: run `qopt-assign-layout` before. Does not fold where
    a new constant would not be finite.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def FoldConstantsPass : Pass<"qopt-fold-constants", "::mlir::func::FuncOp"> {
  let summary = "Compute what depends on constants only";
  let description = [{
    Transposes, reshapes, slices, pads and concatenations of constants move
    their data. Other structured operations whose operands are all constant are
    run by the reference interpreter, so that the constant has the bits that
    the operation would have computed. `dense_resource` constants become
    `dense`.

    Fills and broadcasts stay: they are the inits of contractions. Operations of
    more than `max-steps` loop iterations stay, too.
  }];
  let options = [
    Option<"maxSteps", "max-steps", "int64_t", /*default=*/"1 << 24",
           "Loop iterations up to which an operation is computed.">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def FlattenTransfersPass : Pass<"qopt-flatten-transfers", "::mlir::func::FuncOp"> {
  let summary = "Vectors of several dimensions read and written in one piece";
  let description = [{
    A `vector.transfer_read` or `vector.transfer_write` of a vector of several
    dimensions whose rows lie one behind the other in memory becomes one of a
    vector of one dimension, where it would be lowered to an access for each row.

    Expects buffers.
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::vector::VectorDialect"];
}

def FuseMultiplyAddPass : Pass<"qopt-fuse-multiply-add", "::mlir::func::FuncOp"> {
  let summary = "Contractions that round once per step";
  let description = [{
    Every f32 contraction, of a named operation or not, becomes a
    `linalg.generic` whose body is one `math.fma`:
    ```
    acc + a * b  ->  fma(a, b, acc)
    ```
    That is one instruction instead of two on nearly every processor, and the
    same bits on all of them, since the module says so. It changes the results by
    roundings, so it belongs to the phase `float`: everything later computes
    what this module says.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect"];
}

def InsertObserversPass
    : Pass<"qopt-insert-observers", "::mlir::func::FuncOp"> {
  let summary = "An observer on every edge that may be quantized";
  let description = [{
    `float` -> `observed`. Puts a `qopt.observe` behind every f32 argument of a
    public function and behind every f32 result of an operation, except
    constants, inits (`tensor.empty`, fills, broadcasts) and pure movement
    (transposes, reshapes, slices, pads, concatenations, nearest resize), which
    share the parameters of the values that they move.

    An edge is named after its argument (`qopt.name`) or the source node of its
    operation, the first one of a fusion; further edges of the same name get
    `#2`, `#3`, ... The module computes the same numbers as before. Values that
    are observed already are left alone.
  }];
  let options = [
    Option<"perChannel", "per-channel", "bool", /*default=*/"false",
           "Keep a range per index of the last dimension of every result; "
           "inputs stay per tensor.">
  ];
  let dependentDialects = ["::qopt::QoptDialect"];
}

def LowerObservePass : Pass<"qopt-lower-observe", "::mlir::ModuleOp"> {
  let summary = "Observers as calls of the host";
  let description = [{
    `qopt.observe` on a buffer becomes
    `qopt_observe(edge, address, number of elements)`, the function that
    `runtime/qopt_observe.h` declares; `edge` counts the edges of
    `qopt.model`. A buffer with gaps is first copied to one without.

    Expects to run after `qopt-bufferize`, before `qopt-plan-memory`.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::memref::MemRefDialect"
  ];
}

def NormalizeLinalgPass : Pass<"qopt-normalize-linalg", "::mlir::ModuleOp"> {
  let summary = "Bring any linalg on tensors into the forms of phase float";
  let description = [{
    - Convolutions of one or two dimensions, grouped or depthwise, of any
      layout and named or generic, become `conv_2d_nhwc_fhwc`,
      `depthwise_conv_2d_nhwc_hwc` or `conv_2d_nhwgc_gfhwc` between
      transpositions and reshapes; constant weights and inits are moved by their
      data.
    - Products of vectors, matrices and batches, transposed or not, become
      `matmul` or `batch_matmul`, the constant side on the right.
    - Pooling over NCHW, NCW and NWC becomes pooling over NHWC.
    - Elementwise named operations, maps and reductions become generics with an
      identity output map; dimensions of size 1 that are read at 0 are
      collapsed, operands with one value everywhere become scalars.
    - Operations without a name get one from their kind and a number, arguments
      and results `input_N` and `output_N`; without `qopt.source_nodes` the list
      is made from the names.

    Float sums may run in another order afterwards: that of the canonical
    operation's loops. Leaves alone what it does not know (quantized named
    operations, volumetric convolutions): the contract of the `float` phase
    reports it.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::tensor::TensorDialect"];
}

def OutlineNestsPass : Pass<"qopt-outline-nests", "::mlir::ModuleOp"> {
  let summary = "Move the loop nests of a large model into functions";
  let description = [{
    ```
    for ... in a, w0, b        ->   call @nest0(a, w0, b)
    for ... in b, w1, c             call @nest0(b, w1, c)
                                    nest0(x, w, y): for ... in x, w, y
    ```
    Every loop nest in the block of the model's function becomes a function of
    the buffers it works on: views of the arena, constants, the model's own
    arguments. Nests that are equal but for those share a function. Arguments
    that overlap no other are `llvm.noalias`, and those of known alignment have
    it as `llvm.align`. Such functions are compiled side by side, and shared
    ones once.

    Expects `qopt-plan-memory`. A nest that gives a value or uses what has
    effects stays where it is. Does nothing where the nests have fewer than
    `min-operations` operations: small models take no time to compile, and are
    smaller as one function.
  }];
  let options = [
    Option<"minOperations", "min-operations", "uint64_t", /*default=*/"0",
           "Fewer operations than these stay in one function">
  ];
  let dependentDialects = ["::mlir::func::FuncDialect"];
}

def OutlineParallelLoopsPass
    : Pass<"qopt-outline-parallel-loops", "::mlir::ModuleOp"> {
  let summary = "Move loops that threads may share into functions";
  let description = [{
    ```
    for i in [0, n) tasks = t   ->   call @part.share(%run)
                                     part(arguments, task): for i in its share
    ```
    A loop with `qopt.tasks` becomes a function of the model's arguments and the
    number of a task; the model's function gets one more argument, the run,
    through which the C interface reaches the caller's `parallel_for`. Views and
    constants that the loop uses are computed again in the task.

    Expects `qopt-plan-memory`. A loop that carries values or uses what has
    effects stays where it is. Does nothing in a module without such loops.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::LLVM::LLVMDialect"
  ];
}

def PlanMemoryPass : Pass<"qopt-plan-memory", "::mlir::ModuleOp"> {
  let summary = "All buffers at fixed offsets of one arena argument";
  let description = [{
    Replaces every `memref.alloc` of the model's function by a `memref.view` of
    an arena that becomes the last argument. A buffer lives from the first to
    the last operation of the function's block that touches it, directly or
    through a view; buffers whose lives do not meet may share bytes. Offsets
    are multiples of 64; 64 bytes of slack follow the highest buffer.

    An elementwise operation may write its result over an operand that dies
    there. So may a nest that has read what it overwrites:
    ```
    a  [--------]            rows of a are read from the left,
    b     [-------------]    those of b written from the right
    ```
    How far apart the two must be is computed from the addresses and the order
    of all accesses, for the outermost loop forwards and backwards; it then runs
    in the direction that the plan relies on. Only where the arena gets smaller:
    what can be given up without that it grows is given up, loops backwards
    first. Not in loops that are shared out among tasks or threads.

    Writes the arena's size, the largest live set and the weight bytes into
    `qopt.model`, and the map of buffers into `qopt.arena_map`.

    Expects `qopt-bufferize` before it, static shapes of integers, indices or
    floats, and allocations in the model's function only. Guarantees that no
    allocation is left.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::memref::MemRefDialect"
  ];
}

def QuantizePass : Pass<"qopt-quantize", "::mlir::ModuleOp"> {
  let summary = "Decide what is quantized, and write the decision as pairs";
  let description = [{
    From `calibrated` to `qdq`: the only pass that changes numbers.

    Expects the `float` forms of `docs/Pipeline.md` and a range on every
    `qopt.observe`. The recipe says how weights are stored and which layers stay in
    float; the pass finds out where activations must be rounded:

    - A value is rounded to 8 bits (`qopt.quantize`, `qopt.dequantize`) where an
      operation needs its integers: the left side of a contraction, an add, a
      pool, a table.
    - It is not rounded where its only user takes accumulators and scales as they are: a
      contraction into its clamp, into a residual add (one accumulator per add), a sum
      into the division of its average.
    - Movement and max pooling keep the parameters of what they move; the parts of
      a concatenation share theirs.
    - What feeds only results of the function or float operations is not rounded.

    With `io=quantized`, arguments whose edge is rounded, and results, become the
    unsigned integers of their edges; `qopt.unsigned`, `qopt.scale` and
    `qopt.zero_point` on them say what they mean. An argument or result that stays in
    float says why in `qopt.float_reason`.

    Weights become `qopt.dequantize` of an integer constant, biases i32 with the scale
    of the products. The pass proves that no accumulator can wrap; a layer where one could,
    and every operation without integer form, stays in float with the reason as
    `qopt.float_reason` and as a remark of the category `qopt-quantize`.

    Guarantees: no observer is left; the function carries `qopt.linear_forms`, so
    that its float values mean what `docs/Numerics.md` section 2 says.
  }];
  let options = [
    Option<"recipe", "recipe", "std::string", "\"int8\"",
           "A preset or a recipe file">,
    Option<"io", "io", "std::string", "\"float\"",
           "Inputs and results of the function: float, or quantized">
  ];
  let dependentDialects = [
    "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect",
    "::qopt::QoptDialect"
  ];
}

def RemoveIdentitiesPass
    : Pass<"qopt-remove-identities", "::mlir::func::FuncOp"> {
  let summary = "Remove operations that change nothing";
  let description = [{
    - `x + 0`, `x - 0`, `x * 1`, `x / 1` with a constant in the body or a splat
      operand. The sum turns -0 into 0, which nothing in a model tells apart.
    - A clamp after a clamp that bounds as much; two clamps in a row become one.
    - Copies, a pad by nothing, a slice of everything, a concatenation of one.
    - Reshapes in a row: at most one collapse_shape and one expand_shape stay.

    Keeps unused arguments of the function: they are part of its interface.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def StripObserversPass : Pass<"qopt-strip-observers"> {
  let summary = "Removes all observers";
  let description = [{
    The inverse of `qopt-insert-observers`: every use of an observer's result
    reads its input again. Also removes observers of buffers.
  }];
}

#endif // QOPT_TRANSFORMS_PASSES_TD
