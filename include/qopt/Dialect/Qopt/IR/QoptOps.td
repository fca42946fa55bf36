//===- QoptOps.td - Operations of the qopt dialect ---------*- tablegen -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tensor-level operations (observe ... pack) and the tile-level dot product.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_DIALECT_QOPT_IR_QOPTOPS_TD
#define QOPT_DIALECT_QOPT_IR_QOPTOPS_TD

include "qopt/Dialect/Qopt/IR/QoptBase.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

// An elementwise operation in destination style: one `outs` tensor that gives
// shape and storage of the one result. TilingInterface and
// BufferizableOpInterface are attached as external models in
// Dialect/Qopt/Transforms.
class Qopt_ElementwiseOp<string mnemonic, list<Trait> traits = []>
    : Qopt_Op<mnemonic, !listconcat(
          [Pure, DestinationStyleOpInterface,
           TypesMatchWith<"result has the type of init", "init", "result",
                          "$_self">], traits)> {
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }

    /// One map per operand, in operand order, from the position of a result
    /// element to the position in the operand. A lookup table has one more
    /// dimension than its map says: the index.
    ::mlir::SmallVector<::mlir::AffineMap> getOperandMaps();
  }];
}

//===----------------------------------------------------------------------===//
// Calibration
//===----------------------------------------------------------------------===//

def Qopt_ObserveOp : Qopt_Op<"observe", [
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "Watch the values of an edge that may be quantized";
  let description = [{
    The identity on `input`. A compiled calibration run reports every value
    that passes to the observer of the edge called `edge`. With `axis`, ranges
    are kept per index of that dimension. After calibration `min` and `max`
    hold the range, one number, or one per index of `axis`.

    On a tensor the operation has one result, equal to its input. Bufferized,
    the operand is a memref, there is no result, and it is a read of the buffer
    with an effect on the outside.

    Constraints:
    - (C1) A tensor operand gives one result of its type; a memref operand none.
    - (C2) `axis` is a dimension of the input.
    - (C3) `min` and `max` come together, have equal lengths: 1 without `axis`,
      the size of dimension `axis` with it; all are finite and `min <= max`.

    ```mlir
    %1 = qopt.observe %0 {edge = "relu_1", min = array<f32: 0.0>, max = array<f32: 6.0>}
           : tensor<1x8x8x16xf32> -> tensor<1x8x8x16xf32>
    ```
  }];
  let arguments = (ins
    AnyTypeOf<[RankedTensorOf<[F32]>, MemRefOf<[F32]>]>:$input,
    StrAttr:$edge,
    OptionalAttr<I64Attr>:$axis,
    OptionalAttr<DenseF32ArrayAttr>:$min,
    OptionalAttr<DenseF32ArrayAttr>:$max);
  let results = (outs Optional<RankedTensorOf<[F32]>>:$result);
  let assemblyFormat = [{
    $input attr-dict `:` type($input) (`->` type($result)^)?
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Conversions between real and quantized values
//===----------------------------------------------------------------------===//

def Qopt_QuantizeOp : Qopt_ElementwiseOp<"quantize"> {
  let summary = "Real values to quantized integers";
  let description = [{
    ```
    result[d] = int(clamp(rne(input[d] / scale[m(d)]) + zero_point[m(d)], lo, hi))
    ```
    with `m` = `params`, `rne` rounding to nearest, ties to even, and
    `[lo, hi]` = `range`. A NaN gives the zero point. `lo >= 0` means that the
    storage is read back as unsigned.

    Constraints:
    - (C1) `input` and `init` have the same shape.
    - (C2) `scale` and `zero_point` have the same shape, and `params` maps
      every index of the input to one of theirs.
    - (C3) `lo <= hi`, and both fit the storage, signed if `lo < 0`.
    - (C4) Constant scales are finite and greater than zero; constant zero
      points lie in `[lo, hi]`.

    `quantize(dequantize(q))` with the same parameters is `q`, if the range
    covers the storage of `q`.

    ```mlir
    %q = qopt.quantize ins(%x, %s, %z : tensor<1x8xf32>, tensor<f32>, tensor<i32>)
           outs(%e : tensor<1x8xi8>) range [0, 255] params affine_map<(d0, d1) -> ()>
           -> tensor<1x8xi8>
    ```
  }];
  let arguments = (ins
    Qopt_FloatTensor:$input, Qopt_ScaleTensor:$scale,
    Qopt_ZeroPointTensor:$zero_point, Qopt_IntTensor:$init,
    DenseI32ArrayAttr:$range, AffineMapAttr:$params);
  let results = (outs Qopt_IntTensor:$result);
  let assemblyFormat = [{
    `ins` `(` $input `,` $scale `,` $zero_point `:` type($input) `,` type($scale) `,` type($zero_point) `)`
    `outs` `(` $init `:` type($init) `)`
    `range` $range `params` $params attr-dict `->` type($result)
  }];
  let hasFolder = 1;
}

def Qopt_DequantizeOp : Qopt_ElementwiseOp<"dequantize"> {
  let summary = "Quantized integers to the real values they stand for";
  let description = [{
    ```
    result[d] = f32(ext(input[d]) - zero_point[m(d)]) * scale[m(d)]
    ```
    `ext` is a zero extension if `unsigned`, else a sign extension, to i32; the
    subtraction wraps. An i32 input is an accumulator or a bias.

    Within the `qdq` phase the result stands for the *exact* product; see
    `docs/Numerics.md`, "Linear forms". That is why a dequantized constant does
    not fold: a float constant in its place would forget the integers.

    Constraints:
    - (C1) `input` and `init` have the same shape.
    - (C2) `scale` and `zero_point` have the same shape, and `params` maps
      every index of the input to one of theirs.
    - (C3) Constant scales are finite and not negative. Zero is one that
      underflowed: the product of the scales of two edges, say.

    ```mlir
    %x = qopt.dequantize ins(%q, %s, %z : tensor<1x8xi8>, tensor<f32>, tensor<i32>)
           outs(%e : tensor<1x8xf32>) unsigned params affine_map<(d0, d1) -> ()>
           -> tensor<1x8xf32>
    ```
  }];
  let arguments = (ins
    Qopt_IntTensor:$input, Qopt_ScaleTensor:$scale,
    Qopt_ZeroPointTensor:$zero_point, Qopt_FloatTensor:$init,
    UnitAttr:$unsigned_input, AffineMapAttr:$params);
  let results = (outs Qopt_FloatTensor:$result);
  let assemblyFormat = [{
    `ins` `(` $input `,` $scale `,` $zero_point `:` type($input) `,` type($scale) `,` type($zero_point) `)`
    `outs` `(` $init `:` type($init) `)`
    (`unsigned` $unsigned_input^)? `params` $params attr-dict `->` type($result)
  }];
}

def Qopt_FakeQuantizeOp : Qopt_ElementwiseOp<"fake_quantize"> {
  let summary = "Quantize and dequantize at once, in float";
  let description = [{
    `dequantize(quantize(input))` with the same scale, zero point and range:
    what training sees of quantization. Its adjoint is the straight-through
    estimator: the gradient passes where `input` was not clamped and is zero
    elsewhere (Jacob et al., arXiv 1712.05877, section 3).

    Constraints: as `qopt.quantize`, (C1) with the float `init`.
  }];
  let arguments = (ins
    Qopt_FloatTensor:$input, Qopt_ScaleTensor:$scale,
    Qopt_ZeroPointTensor:$zero_point, Qopt_FloatTensor:$init,
    DenseI32ArrayAttr:$range, AffineMapAttr:$params);
  let results = (outs Qopt_FloatTensor:$result);
  let assemblyFormat = [{
    `ins` `(` $input `,` $scale `,` $zero_point `:` type($input) `,` type($scale) `,` type($zero_point) `)`
    `outs` `(` $init `:` type($init) `)`
    `range` $range `params` $params attr-dict `->` type($result)
  }];
}

def Qopt_RequantizeOp : Qopt_ElementwiseOp<"requantize", [
    AttrSizedOperandSegments]> {
  let summary = "A sum of scaled integers, rounded to one quantized integer";
  let description = [{
    ```
    real      = f32(ext(x0[d]) - zp0) * m0[p0(d)]
    real      = real + f32(ext(x1[d]) - zp1) * m1[p1(d)]     ... in operand order
    result[d] = int(clamp(rne(real) + zero_point, lo, hi))
    ```
    One input is the epilogue of a contraction (an i32 accumulator) or a change
    of scale; two are a residual add. Each multiplier is `s_in / s_out`, rounded
    once to f32. No fused multiply-add.

    With a `shift`, the multipliers are integers, and the arithmetic is fixed
    point in wrapping i64:
    ```
    sum       = i64(ext(x0[d]) - zp0) * m0[p0(d)] + ...
    result[d] = int(clamp(floor(sum / 2^shift + 1/2) + zero_point, lo, hi))
    ```

    Constraints:
    - (C1) At least one input; as many multipliers, `input_zero_points`,
      `unsigned_inputs` and `params` as inputs.
    - (C2) Each `params` map takes every index of the result to one of its
      multiplier.
    - (C3) Every input has the shape of `init`.
    - (C4) `lo <= hi`, and both and `zero_point` fit the storage, signed if
      `lo < 0`. A clamp that does not contain real 0 puts the zero point
      outside of the range.
    - (C5) All multipliers are f32, or there is a `shift` in [8, 62] and all are
      i32. Constant multipliers are finite.
    - (C6) Each of `input_zero_points` fits the storage of its input.

    ```mlir
    %q = qopt.requantize ins(%acc, %res : tensor<1x4x4x16xi32>, tensor<1x4x4x16xi8>)
           multipliers(%m0, %m1 : tensor<16xf32>, tensor<f32>)
           outs(%e : tensor<1x4x4x16xi8>)
           range [0, 255] zero_point 3
           {input_zero_points = array<i32: 0, 128>, unsigned_inputs = array<i1: false, true>,
            params = [affine_map<(d0, d1, d2, d3) -> (d3)>, affine_map<(d0, d1, d2, d3) -> ()>]}
           -> tensor<1x4x4x16xi8>
    ```
  }];
  let arguments = (ins
    Variadic<Qopt_IntTensor>:$inputs,
    Variadic<RankedTensorOf<[F32, I32]>>:$multipliers,
    Qopt_IntTensor:$init,
    DenseI32ArrayAttr:$range, I32Attr:$zero_point,
    DenseI32ArrayAttr:$input_zero_points, DenseBoolArrayAttr:$unsigned_inputs,
    AffineMapArrayAttr:$params, OptionalAttr<I32Attr>:$shift);
  let results = (outs Qopt_IntTensor:$result);
  let assemblyFormat = [{
    `ins` `(` $inputs `:` type($inputs) `)`
    `multipliers` `(` $multipliers `:` type($multipliers) `)`
    `outs` `(` $init `:` type($init) `)`
    `range` $range `zero_point` $zero_point attr-dict `->` type($result)
  }];
}

def Qopt_LookupOp : Qopt_ElementwiseOp<"lookup"> {
  let summary = "A function of few bits, as a table";
  let description = [{
    ```
    result[d] = table[params(d)..., ext(input[d])]
    ```
    Any function between two quantized edges of at most 8 bits is a table that
    the compiler fills in; `params` selects the table where it differs by
    channel (PRelu), and has no result otherwise. The index is `input` zero-extended
    if `unsigned`, else sign-extended plus half the table's length, so that
    tables always run from the smallest storage value to the largest. A float
    table is a codebook (NF4, Lloyd-Max).

    Constraints:
    - (C1) `input` and `init` have the same shape; `table` and `init` the same
      element type.
    - (C2) The last dimension of `table` has 2^bits(input) elements.
    - (C3) `params` maps every index of the input to one of the dimensions of
      `table` before the last.

    ```mlir
    %y = qopt.lookup ins(%x, %t : tensor<1x8xi8>, tensor<256xi8>) outs(%e : tensor<1x8xi8>)
           unsigned params affine_map<(d0, d1) -> ()> -> tensor<1x8xi8>
    ```
  }];
  let arguments = (ins
    RankedTensorOf<[I<2>, I<4>, I8]>:$input,
    RankedTensorOf<[I<4>, I8, I32, F32]>:$table,
    RankedTensorOf<[I<4>, I8, I32, F32]>:$init,
    UnitAttr:$unsigned_input, AffineMapAttr:$params);
  let results = (outs RankedTensorOf<[I<4>, I8, I32, F32]>:$result);
  let assemblyFormat = [{
    `ins` `(` $input `,` $table `:` type($input) `,` type($table) `)`
    `outs` `(` $init `:` type($init) `)`
    (`unsigned` $unsigned_input^)? `params` $params attr-dict `->` type($result)
  }];
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

//===----------------------------------------------------------------------===//
// Packing of sub-byte weights
//===----------------------------------------------------------------------===//

def Qopt_PackOp : Qopt_Op<"pack", [Pure]> {
  let summary = "Pack sub-byte integers into bytes along the last dimension";
  let description = [{
    Stores `n = 8 / bits` neighbours in one byte, the lowest index in the lowest
    bits: `byte[i] = sum over j < n of (x[i * n + j] mod 2^bits) << (j * bits)`.
    For i4 the row `x0 x1 x2 x3` becomes
    ```
      byte 0        byte 1
      [ x1 | x0 ]   [ x3 | x2 ]      (high nibble | low nibble)
    ```
    Constraints:
    - (C1) The result has the shape of the input, the last dimension divided by
      `8 / bits`, which divides it.
  }];
  let arguments = (ins RankedTensorOf<[I<2>, I<4>]>:$input);
  let results = (outs RankedTensorOf<[I8]>:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Qopt_UnpackOp : Qopt_Op<"unpack", [Pure]> {
  let summary = "Sub-byte integers out of packed bytes";
  let description = [{
    The inverse of `qopt.pack`.

    Constraints:
    - (C1) The result has the shape of the input, the last dimension multiplied
      by `8 / bits`.
  }];
  let arguments = (ins RankedTensorOf<[I8]>:$input);
  let results = (outs RankedTensorOf<[I<2>, I<4>]>:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

//===----------------------------------------------------------------------===//
// Tile level
//===----------------------------------------------------------------------===//

def Qopt_DotOp : Qopt_Op<"dot", [Pure, AllTypesMatch<["acc", "result"]>]> {
  let summary = "Low-bit dot products accumulated in i32 lanes";
  let description = [{
    Every lane of `acc` takes the dot product of `k` neighbouring bytes:
    ```
    result[l] = acc[l] + sum over j < k of ext(a[l * k + j]) * ext(b[l * k + j])
    ```
    in wrapping i32 arithmetic; each side is zero-extended if marked unsigned,
    else sign-extended. `k` = lanes(a) / lanes(acc), 2, 4, 8 or 16. Each target
    lowers it to its instruction (`vpdpbusd`, `sdot`, `udot`, `usdot`, `pmaddwd`, `vmladava`); the
    portable lowering is plain vector arithmetic and is the oracle for the others.

    `pair_bound` is a promise about `b`, made where its values are known: in
    each pair of bytes `(b[2i], b[2i+1])`, the positive ones add up to at most
    `pair_bound` and the negative ones to at least `-pair_bound`. With 128, the
    16-bit sums of `pmaddubsw` are exact for every `a`: `255 * 128 < 2^15`.
    `byte_bound` is another: no byte of `b` is further away from 0. With 127, two
    products with signed bytes add up in 16 bits: `2 * 128 * 127 < 2^15`.

    Constraints:
    - (C1) `a` and `b` have the same type: a 1-D vector of i8 with 2, 4, 8 or 16
      times as many lanes as `acc`.
    - (C2) `pair_bound` is in [0, 510], `byte_bound` in [0, 255].

    ```mlir
    %r = qopt.dot %acc, %a, %b unsigned_a : vector<16xi32>, vector<64xi8>, vector<64xi8>
    ```
  }];
  let arguments = (ins
    FixedVectorOfRankAndType<[1], [I32]>:$acc,
    FixedVectorOfRankAndType<[1], [I8]>:$a, FixedVectorOfRankAndType<[1], [I8]>:$b,
    UnitAttr:$unsigned_a, UnitAttr:$unsigned_b,
    OptionalAttr<I64Attr>:$pair_bound, OptionalAttr<I64Attr>:$byte_bound);
  let results = (outs FixedVectorOfRankAndType<[1], [I32]>:$result);
  let assemblyFormat = [{
    $acc `,` $a `,` $b (`unsigned_a` $unsigned_a^)? (`unsigned_b` $unsigned_b^)?
    attr-dict `:` type($acc) `,` type($a) `,` type($b)
  }];
  let hasVerifier = 1;
}

def Qopt_TileDotOp : Qopt_Op<"tile_dot", [AttrSizedOperandSegments,
                                          DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "Low-bit dot products of a tile of rows and blocks of channels";
  let description = [{
    A whole contraction for some rows of activations and some blocks of 16 output
    channels, on machines that multiply tiles (AMX). With `A` and `W` the bytes
    from the given positions on, and one `s` for each of the `segments`:
    ```
    result[p, b, n] = sum over s_0 < segments[0], .., k < depth of
                      ext(A[p * row_step + s_0 * segment_steps[0] + .. + (0, .., k)])
                    * ext(W[b, s_0, .., row(k), 4 * n + k mod 4])
    ```
    in wrapping i32 arithmetic. `row_step` and each of `segment_steps` give a
    step for every dimension of `activations`; the `depth` bytes of a segment are
    neighbours in memory.

    A row of weights holds 4 bytes for each of 16 channels. A segment is cut
    into chunks of 64 bytes, 16 rows each; the last chunk moves back so that it
    ends with the segment, and has zeros for the bytes that the one before it
    counted. A segment of less than 64 bytes is one chunk of `depth / 4` rows.

    With `turn t of n`, this is number `t` of `n` operations that read these
    weights one after another, before others read the blocks that follow: each
    fetches its share of them, which changes no result.

    The rows in `windows` are computed: from each of its elements on, 16 rows, or
    all rows where there are fewer. Other rows of the result are not defined.

    Constraints:
    - (C1) `activations` has one index per dimension, `weights` one for each
      dimension in front of the segments.
    - (C2) The steps have as many elements as `activations` has dimensions.
    - (C3) `depth` is at least 64, or a positive multiple of 4; `weights` is
      [.., block, segments.., rows, 64].
    - (C4) The result is [rows, blocks, 16], and windows are inside of it.
    - (C5) `turn` and `turns` come together; `turns` is positive.

    ```mlir
    %r = qopt.tile_dot %a[%i], %w[%j] unsigned_a {depth = 64 : i64, row_step = array<i64: 64>,
        segments = array<i64>, segment_steps = array<i64>, windows = array<i64: 0, 8>}
        : tensor<4096xi8>, tensor<2x16x64xi8> -> vector<24x2x16xi32>
    ```
  }];
  let arguments = (ins
    AnyTypeOf<[RankedTensorOf<[I8]>, MemRefOf<[I8]>]>:$activations,
    Variadic<Index>:$activation_indices,
    AnyTypeOf<[RankedTensorOf<[I8]>, MemRefOf<[I8]>]>:$weights,
    Variadic<Index>:$weight_indices, Optional<Index>:$turn,
    UnitAttr:$unsigned_a, UnitAttr:$unsigned_b, I64Attr:$depth,
    DenseI64ArrayAttr:$row_step, DenseI64ArrayAttr:$segments,
    DenseI64ArrayAttr:$segment_steps, DenseI64ArrayAttr:$windows,
    OptionalAttr<I64Attr>:$turns);
  let results = (outs FixedVectorOfRankAndType<[3], [I32]>:$result);
  let assemblyFormat = [{
    $activations `[` $activation_indices `]` `,` $weights `[` $weight_indices `]`
    (`turn` $turn^ `of` $turns)?
    (`unsigned_a` $unsigned_a^)? (`unsigned_b` $unsigned_b^)? attr-dict
    `:` type($activations) `,` type($weights) `->` type($result)
  }];
  let extraClassDeclaration = [{
    /// Rows that one window computes.
    int64_t windowRows();
    /// Bytes of one chunk, and chunks of one segment.
    int64_t chunkBytes() { return std::min<int64_t>(64, getDepth()); }
    int64_t chunks() { return (getDepth() + 63) / 64; }
  }];
  let hasVerifier = 1;
}

def Qopt_PrefetchOp : Qopt_Op<"prefetch"> {
  let summary = "Bring elements that will be read near";
  let description = [{
    Asks for the cache line of the element number `at` of `source`, in row-major
    order. Nothing is read, so that `at` may lie behind the last element.
    Bufferized, it is `memref.prefetch` to the second level of caches, or, if
    `near`, to the first; nothing, if the buffer has gaps between elements.

    ```mlir
    qopt.prefetch %weights[%i] : tensor<4x576x16xf32>
    qopt.prefetch near %weights[%i] : tensor<4x576x16xf32>
    ```
  }];
  let arguments = (ins AnyStaticShapeTensor:$source, Index:$at, UnitAttr:$near);
  let assemblyFormat = [{
    (`near` $near^)? $source `[` $at `]` attr-dict `:` type($source)
  }];
}

def Qopt_MmaTileOp : Qopt_Op<"mma_tile", [
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "What one thread of a block holds of a tile of a matrix product";
  let description = [{
    A thread block of a GPU multiplies `tile[0]` rows by `tile[1]` channels with
    `mma.sync`; the result is what thread `t` of all threads holds of it.
    ```
    sums[m, n] = sum over s < segments, k < depth of
                   ext(lhs[rows(m) + offsets(s) + (0, .., 0, k)]) * ext(weights(n, s, k))
    ```
    in wrapping i32 arithmetic. `rows` and `offsets` give a position in `lhs`, the
    last dimension of which is contiguous. `weights` are in the layout of
    `docs/Layouts.md`, of 8 bits or of 4. The block of thread `t` is
    `t / threads`, blocks run through channels first, and lane and warp are
    those of `t % threads`. Element `((i * columns + j) * 2 + h) * 2 + c` of the
    result is that of row `16 * i + 8 * h + lane / 4` and of channel
    `8 * j + 2 * (lane % 4) + c` in the warp's part of the tile; rows from `m` on
    are not defined.

    `tile` is [rows of a block, channels of a block, rows of a warp, channels of a
    warp, stages of the pipeline through shared memory]. As a value, the result
    depends on the operands only; all threads of a block must ask for it, as they
    compute it together.

    Constraints:
    - (C1) `lhs` is of i8 or a memref of it, `rows` and `offsets` are maps of one
      dimension to its rank.
    - (C2) The tile of a warp divides that of the block, its rows are a multiple
      of 16, its channels one of 16; there are 1 to 8 stages.
    - (C3) The result has `tile[2] * tile[3] / 32` lanes.
    - (C4) With `packed4`, `segments * depth` is at most 65,793, so that 16 times
      a sum of 255 * 8 fits 32 bits.
  }];
  let arguments = (ins
    AnyTypeOf<[RankedTensorOf<[I8]>, MemRefOf<[I8]>]>:$lhs,
    AnyTypeOf<[RankedTensorOf<[I8]>, MemRefOf<[I8]>]>:$weights,
    Index:$thread, AffineMapAttr:$rows, AffineMapAttr:$offsets,
    DenseI64ArrayAttr:$shape, DenseI64ArrayAttr:$tile,
    UnitAttr:$unsigned_lhs, UnitAttr:$unsigned_weights, UnitAttr:$packed4);
  let results = (outs FixedVectorOfRankAndType<[1], [I32]>:$result);
  let assemblyFormat = [{
    $lhs `,` $weights `,` $thread attr-dict
    `:` type($lhs) `,` type($weights) `->` type($result)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    int64_t getNumRows() { return getShape()[0]; }
    int64_t getNumChannels() { return getShape()[1]; }
    int64_t getNumSegments() { return getShape()[2]; }
    /// Bytes of activations in a segment.
    int64_t getDepth() { return getShape()[3]; }
    int64_t getNumThreads() {
      return getTile()[0] / getTile()[2] * (getTile()[1] / getTile()[3]) * 32;
    }
  }];
}

def Qopt_RoundPackOp : Qopt_Op<"round_pack", [Pure, AllTypesMatch<["a", "b", "c", "d"]>]> {
  let summary = "Four vectors of floats rounded, clamped and packed to bytes";
  let description = [{
    The end of a quantization: every number becomes a byte, and four vectors
    become one.
    ```
    result[16 * i + 4 * q + j] = clamp(rne(x_q[4 * i + j]) + zero_point, lo, hi),   x_0 .. x_3 = a, b, c, d,   j < 4
    ```
    The order is the one in which x86 packs (`vpackssdw`, `vpackuswb`), the
    inverse of interleaving four rows of bytes. What becomes of a NaN is not
    defined; infinities are clamped. `fits_i32` says that no operand is beyond
    the integers of 32 bits, so that nothing has to be clamped before it is one.

    Constraints:
    - (C1) The operands have a multiple of 4 lanes, the result four times as many.
    - (C2) `lo <= hi`, both in [0, 255] or both in [-128, 127]; `zero_point` in
      [-128, 255].

    ```mlir
    %r = qopt.round_pack %a, %b, %c, %d range [0, 255] zero_point 9 : vector<16xf32> -> vector<64xi8>
    ```
  }];
  let arguments = (ins
    FixedVectorOfRankAndType<[1], [F32]>:$a, FixedVectorOfRankAndType<[1], [F32]>:$b,
    FixedVectorOfRankAndType<[1], [F32]>:$c, FixedVectorOfRankAndType<[1], [F32]>:$d,
    DenseI32ArrayAttr:$range, I32Attr:$zero_point, UnitAttr:$fits_i32);
  let results = (outs FixedVectorOfRankAndType<[1], [I8]>:$result);
  let assemblyFormat = [{
    $a `,` $b `,` $c `,` $d `range` $range `zero_point` $zero_point
    (`fits_i32` $fits_i32^)? attr-dict `:` type($a) `->` type($result)
  }];
  let hasVerifier = 1;
}

#endif // QOPT_DIALECT_QOPT_IR_QOPTOPS_TD
