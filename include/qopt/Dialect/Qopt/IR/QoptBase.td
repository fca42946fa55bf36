//===- QoptBase.td - The qopt dialect ----------------------*- tablegen -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The dialect itself, and the type constraints that its operations share.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_DIALECT_QOPT_IR_QOPTBASE_TD
#define QOPT_DIALECT_QOPT_IR_QOPTBASE_TD

include "mlir/IR/OpBase.td"

def Qopt_Dialect : Dialect {
  let name = "qopt";
  let cppNamespace = "::qopt";
  let summary = "Quantization of tensor programs, from observers to low-bit dot products";
  let description = [{
    The operations of this dialect stand between float linalg programs and
    integer loops. They carry quantized data in *plain signless integer
    tensors*; scales, zero points, multipliers and tables are operands, each
    with an affine map from the element's position to its parameter. One
    operation therefore covers per-tensor (`(d0, d1) -> ()`), per-channel
    (`(d0, d1) -> (d1)`) and per-group (`(d0, d1) -> (d0, d1 floordiv 32)`)
    parameters, and parameters as large as the weights stay data, not types.

    The arithmetic of every operation is fixed to the bit in
    `docs/Numerics.md`; folders, the reference interpreter and all backends
    implement that page.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"
  ];
  let hasConstantMaterializer = 1;
  let extraClassDeclaration = [{
    /// String attribute on function arguments and results: the source model's
    /// name of that input or output.
    static constexpr ::llvm::StringLiteral kNameAttrName = "qopt.name";

    /// Array attribute on the module: one dictionary {name, op} per node of
    /// the source model, in the source's order. The report is written from it.
    static constexpr ::llvm::StringLiteral kSourceNodesAttrName =
        "qopt.source_nodes";

    /// String attribute on an operation, or an argument or result of the
    /// function, that stays in float: why.
    static constexpr ::llvm::StringLiteral kFloatReasonAttrName =
        "qopt.float_reason";
    /// The reason of the phase `integer` for float arithmetic of which no node
    /// is to blame: sums of integers whose scales differ, and what follows them.
    static constexpr ::llvm::StringLiteral kSeveralScalesReason =
        "integers of several scales are scaled and added in float";

    /// Unit attribute on a function of the `qdq` phase: its float values are
    /// linear forms (docs/Numerics.md, section 2).
    static constexpr ::llvm::StringLiteral kLinearFormsAttrName =
        "qopt.linear_forms";

    /// Unit attribute on such a function: requantization is in fixed point.
    static constexpr ::llvm::StringLiteral kFixedPointAttrName =
        "qopt.fixed_point";

    /// Dictionary attribute on the root of a fused region: its schedule.
    static constexpr ::llvm::StringLiteral kScheduleAttrName = "qopt.schedule";

    /// Array attribute on a scheduled function: one dictionary {name, type,
    /// why} per tensor of more than bytes that a nest stores.
    static constexpr ::llvm::StringLiteral kStoredAttrName = "qopt.stored";

    /// Integer attribute on a loop whose iterations do not depend on each
    /// other: into how many tasks it may be cut.
    static constexpr ::llvm::StringLiteral kTasksAttrName = "qopt.tasks";

    /// Unit attribute on a function that does a loop nest of the model.
    static constexpr ::llvm::StringLiteral kNestAttrName = "qopt.nest";

    /// Integer attribute on a loop whose iterations do not depend on each
    /// other: how many of them are one thread block of a GPU.
    static constexpr ::llvm::StringLiteral kThreadsAttrName = "qopt.threads";

    /// Array attribute on a module of kernels: one dictionary {kernel, blocks,
    /// threads} per launch, in order.
    static constexpr ::llvm::StringLiteral kLaunchesAttrName =
        "qopt.launches";

    /// Bytes attribute on a module of kernels: all constants that they read,
    /// the last argument of each.
    static constexpr ::llvm::StringLiteral kWeightsAttrName = "qopt.weights";

    /// Dictionary attribute on a bufferized module: qopt::ModelInfo.
    static constexpr ::llvm::StringLiteral kModelAttrName = "qopt.model";

    /// Array attribute on a planned module: one dictionary {name, offset,
    /// bytes, first, last} per buffer of the arena; first and last count the
    /// steps of the model's function.
    static constexpr ::llvm::StringLiteral kArenaMapAttrName =
        "qopt.arena_map";

    /// Unit attribute on function arguments and results: their integers are
    /// unsigned.
    static constexpr ::llvm::StringLiteral kUnsignedAttrName = "qopt.unsigned";

    /// f32 and i32 attributes on function arguments and results of integers:
    /// the real value is (q - zero_point) * scale.
    static constexpr ::llvm::StringLiteral kScaleAttrName = "qopt.scale";
    static constexpr ::llvm::StringLiteral kZeroPointAttrName =
        "qopt.zero_point";
  }];
}

class Qopt_Op<string mnemonic, list<Trait> traits = []>
    : Op<Qopt_Dialect, mnemonic, traits>;

// Storage of quantized values. i4 is stored one element a byte until
// packing; i32 holds accumulators.
def Qopt_Storage : AnyTypeOf<[I<2>, I<4>, I8, I16, I32]>;
def Qopt_IntTensor : RankedTensorOf<[Qopt_Storage]>;
def Qopt_FloatTensor : RankedTensorOf<[F32]>;
def Qopt_ScaleTensor : RankedTensorOf<[F32]>;
def Qopt_ZeroPointTensor : RankedTensorOf<[I32]>;

#endif // QOPT_DIALECT_QOPT_IR_QOPTBASE_TD
