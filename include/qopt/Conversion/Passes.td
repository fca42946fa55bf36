//===- Passes.td - qopt's conversion passes ------------*- tablegen -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_CONVERSION_PASSES_TD
#define QOPT_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertLoopAnnotationsToLLVMPass : Pass<"convert-loop-annotations-to-llvm"> {
  let summary = "Make the annotations of loops visible to LLVM";
  let description = [{
    A schedule forbids unrolling by `llvm.loop_annotation` on `scf.for`. The
    lowering of control flow copies it, by that name, to the branch that closes
    the loop, where the translation to LLVM IR ignores it. This pass makes it
    the branch's own `loop_annotation`, which becomes `!llvm.loop`.

    Expects branches of the LLVM dialect.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def ConvertPlannedToLLVMPass : Pass<"convert-planned-to-llvm", "::mlir::ModuleOp"> {
  let summary = "Turn buffers, vectors and branches into the LLVM dialect";
  let description = [{
    What is left of a planned module once loops are branches, `arith`, `math`,
    `vector`, `memref`, `index`, `cf`, `func` and `ub`, in one conversion: an
    index has the same width in all of them, that of the target's addresses.
    Buffers are bare pointers.

    Expects static shapes, and no strided metadata beyond what LLVM's address
    arithmetic can say (`expand-strided-metadata` runs before).
  }];
  let options = [
    Option<"indexBits", "index-bits", "unsigned", /*default=*/"64",
           "Width of an index: that of the target's addresses">
  ];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def ConvertQdqToIntegerPass : Pass<"convert-qdq-to-integer", "::mlir::ModuleOp"> {
  let summary = "Carry out the meaning of a quantized model in integers";
  let description = [{
    From `qdq` to `integer`, bit for bit: a function with `qopt.linear_forms` means
    what `docs/Numerics.md` section 2 says, and this pass writes that down.

    - Contractions, pooling and sums run on the integers; the zero point of
      the input is folded into the start value of the accumulators.
    - `qopt.quantize` of a sum of accumulators and edges becomes
      `qopt.requantize`, with the clamp as its range.
    - Elementwise functions of one edge become a `qopt.lookup` whose table the
      reference interpreter fills in.
    - Movement runs on the integers; real 0 is padded as the zero point.
    - Weights with groups give one accumulator per group, in one more
      dimension before the channel, and a float sum over the groups.
    - Every other operation reads `qopt.dequantize`.

    Expects what `qopt-quantize` makes. Guarantees that the reference
    interpreter gives the same bits for both; does not touch functions without
    `qopt.linear_forms`, and removes that attribute.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect",
    "::qopt::QoptDialect"
  ];
}

def ConvertQoptDotPass : Pass<"convert-qopt-dot"> {
  let summary = "Lower qopt.dot and qopt.round_pack to the target's instructions";
  let description = [{
    `qopt.dot` becomes the target's dot-product instruction for its width and
    signs (`vpdpbusd`, `sdot`, `udot`, `usdot`), or for two rows by two columns
    (`usmmla`). Without one, pairs of products. On x86: `pmaddubsw` where
    `pair_bound` proves that 16 bits hold the sum, of several dots onto one
    accumulator if it can, else `pmaddwd`. On AArch64: `smull` and `addp`, under
    the same kind of proof, or, for two bytes a lane, `smull`, `smlal` as far as
    `byte_bound` allows, and `sadalp`. On Cortex-M: `vmladava` with Helium, or
    with DSP `smlad` on bytes extended to 16 bits. Plain arithmetic elsewhere.
    All forms agree to the bit: sums wrap.

    `qopt.round_pack` becomes a conversion that rounds to nearest even and two
    narrowings that saturate, on x86 and AArch64; elsewhere a clamp, the addition
    of 1.5 * 2^23, and a truncation.
  }];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"\"native\"",
           "Name of the target; `portable` takes no instruction of any">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::vector::VectorDialect"];
}

def ConvertQoptToLinalgPass : Pass<"convert-qopt-to-linalg"> {
  let summary = "Spell out the tensor operations of qopt as linalg.generic";
  let description = [{
    Turns `qopt.quantize`, `dequantize`, `requantize`, `fake_quantize` and
    `lookup` into elementwise `linalg.generic` with the scalar arithmetic of
    `docs/Numerics.md`, bit for bit. Rounding to nearest even is an addition of
    1.5 * 2^23 after the clamp, so no target needs a library function for it.
    Parameters that are equal for all elements become constants of the body.
    `linalg.softmax` in float becomes what `docs/Numerics.md`, section 3, says
    it is: maximum, exponential, sum and product.

    Expects ranges of at most 2^22 steps, and reports an error for a wider one.
    Does not touch `qopt.observe`, packing, or `qopt.dot`.
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def ConvertTileDotPass : Pass<"convert-qopt-tile-dot", "::mlir::func::FuncOp"> {
  let summary = "Lower qopt.tile_dot to AMX, or to loops over qopt.dot";
  let description = [{
    On a target with AMX, tiles are loaded, multiplied and stored to memory of
    the function's frame, from where the sums are read. Tile registers are
    configured in front of each loop nest that needs another shape than the one
    before it, and released where the function returns. On other targets the
    same sums are made of `qopt.dot`, four bytes at a time.

    Expects buffers, and sums that are read by `vector.extract` of one vector.
  }];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"\"native\"",
           "Name of the target; `portable` takes no instruction of any">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect",
                           "::qopt::QoptDialect"];
}

def ConvertTableLookupPass : Pass<"convert-table-lookup"> {
  let summary = "Lower lookups in tables of bytes to the target's instructions";
  let description = [{
    A `vector.gather` whose positions are bytes, `vector<Nxi8>` extended without
    sign, reads a table of at most 256 elements. Where the target has AVX-512
    VBMI, a table of bytes is four registers, and the lookup two `vpermi2b` and a
    blend; on AArch64, sixteen registers, a `tbl` and three `tbx`. Elsewhere it is
    one load for each lane.

    Expects buffers. Leaves other gathers alone.
  }];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"\"native\"",
           "Name of the target; `portable` takes no instruction of any">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::vector::VectorDialect"];
}

def ConvertMmaTilePass : Pass<"convert-qopt-mma-tile", "::mlir::ModuleOp"> {
  let summary = "Lower tiles of products to mma.sync";
  let description = [{
    `qopt.mma_tile` becomes a loop over steps of 32 or 64 bytes, in which the
    threads of the block copy activations and weights into shared memory,
    fetch fragments with `ldmatrix`, and multiply with `mma.sync`, which wraps:
    m16n8k32, and before sm_80 four of m8n8k16. From sm_80 on, `cp.async` copies
    as many steps ahead as the tile has stages, less one; before, and where
    activations are not 4 bytes apart, the next step waits in registers.

    Expects kernels and buffers of known strides.
  }];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"\"sm_80\"",
           "Name of the target">
  ];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"
  ];
}

def OutlineKernelsPass
    : Pass<"qopt-outline-kernels", "::mlir::ModuleOp"> {
  let summary = "Turn the model's function into kernels of a GPU";
  let description = [{
    ```
    for t in [0, n) threads = b   ->   kernel(arguments, weights):
      body(t)                            t = block * b + thread
                                         if t < n: body(t)
    ```
    Each step of the model's function becomes a kernel, a function of the
    model's arguments and of the weights, with `nvvm.maxntid`: a loop with
    `qopt.threads` one whose threads are its iterations, a copy one whose threads
    copy up to 16 elements, and what lies between them one of a single thread.
    Views of the arena are computed again in each. All constants become one
    block of bytes, `qopt.weights`, and the kernels in their order
    `qopt.launches`, attributes of the module; the function is erased.

    A value that a step needs of another one goes through the arena, which grows
    by it. Expects `qopt-plan-memory`.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::func::FuncDialect", "::mlir::memref::MemRefDialect",
    "::mlir::NVVM::NVVMDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect"
  ];
}

#endif // QOPT_CONVERSION_PASSES_TD
