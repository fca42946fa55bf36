//===- QuantBuilders.cpp - Building the qopt tensor operations ------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// This file implements the builders: constants first, then the operation.
//
//===----------------------------------------------------------------------===//

#include "qopt/Transforms/QuantBuilders.h"
#include "qopt/Support/QuantMath.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace qopt;

ScaleTable ScaleTable::perTensor(double scale, unsigned rank,
                                 MLIRContext *context) {
  return {{}, {scale}, AffineMap::get(rank, 0, context)};
}

std::vector<float> ScaleTable::rounded() const {
  std::vector<float> result;
  for (double value : values)
    result.push_back(roundScale(value));
  return result;
}

Value qopt::createFloatConstant(OpBuilder &builder, Location loc,
                                ArrayRef<int64_t> shape,
                                ArrayRef<float> values) {
  auto type = RankedTensorType::get(shape, builder.getF32Type());
  ArrayRef<float> data = llvm::all_equal(values) ? values.take_front() : values;
  return arith::ConstantOp::create(builder, loc,
                                   DenseElementsAttr::get(type, data));
}

Value qopt::createIntConstant(OpBuilder &builder, Location loc,
                              ArrayRef<int64_t> shape, ArrayRef<int32_t> values,
                              unsigned bits) {
  auto type = RankedTensorType::get(shape, builder.getIntegerType(bits));
  if (llvm::all_equal(values))
    values = values.take_front();
  DenseElementsAttr attr;
  if (bits == 32) {
    attr = DenseElementsAttr::get(type, values);
  } else if (bits == 8) {
    SmallVector<int8_t> bytes(values.begin(), values.end());
    attr = DenseElementsAttr::get(type, ArrayRef<int8_t>(bytes));
  } else {
    SmallVector<APInt> elements;
    for (int32_t value : values)
      elements.emplace_back(bits, static_cast<int64_t>(value),
                            /*isSigned=*/true);
    attr = DenseElementsAttr::get(type, elements);
  }
  return arith::ConstantOp::create(builder, loc, attr);
}

Value qopt::createEmpty(OpBuilder &builder, Location loc,
                        ArrayRef<int64_t> shape, Type element) {
  return tensor::EmptyOp::create(builder, loc, shape, element);
}

Value qopt::createQuantize(OpBuilder &builder, Location loc, Value value,
                           const ActivationParams &params) {
  auto type = cast<RankedTensorType>(value.getType());
  Value scale = createFloatConstant(builder, loc, {}, params.scale);
  Value zeroPoint = createIntConstant(builder, loc, {}, params.zeroPoint, 32);
  Value init = createEmpty(builder, loc, type.getShape(), builder.getI8Type());
  return QuantizeOp::create(builder, loc, init.getType(), value, scale,
                            zeroPoint, init,
                            builder.getDenseI32ArrayAttr({0, 255}),
                            AffineMapAttr::get(AffineMap::get(
                                type.getRank(), 0, builder.getContext())));
}

Value qopt::createDequantize(OpBuilder &builder, Location loc, Value integers,
                             const ScaleTable &scales, int32_t zeroPoint,
                             bool isUnsigned) {
  auto type = cast<RankedTensorType>(integers.getType());
  Value scale =
      createFloatConstant(builder, loc, scales.shape, scales.rounded());
  std::vector<int32_t> zeroPoints(scales.values.size(), zeroPoint);
  Value zero = createIntConstant(builder, loc, scales.shape, zeroPoints, 32);
  Value init = createEmpty(builder, loc, type.getShape(), builder.getF32Type());
  return DequantizeOp::create(builder, loc, init.getType(), integers, scale,
                              zero, init,
                              isUnsigned ? builder.getUnitAttr() : UnitAttr(),
                              AffineMapAttr::get(scales.map));
}
