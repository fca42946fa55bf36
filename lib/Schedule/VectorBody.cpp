//===- VectorBody.cpp - Scalar bodies on vectors --------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "VectorBody.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"

using namespace mlir;

namespace qopt {
namespace {

class BodyEmitter {
public:
  BodyEmitter(TensorAccess &access, const Position &position)
      : access(access), b(access.b), loc(access.loc), position(position) {}

  void enter(Block &block, ArrayRef<Value> arguments) {
    for (auto [argument, value] :
         llvm::zip_equal(block.getArguments(), arguments))
      if (value)
        map.map(argument, value);
  }

  /// Whether the operation has a vector form.
  bool step(Operation &op) {
    Value result = emit(op);
    if (result)
      map.map(op.getResult(0), result);
    return bool(result);
  }

  bool knows(Value value) const { return map.contains(value); }
  Value result(Value wanted) const { return map.lookupOrDefault(wanted); }

private:
  Value emit(Operation &op) {
    if (auto index = dyn_cast<linalg::IndexOp>(op))
      return emitIndex(index.getDim());
    SmallVector<Value> operands = llvm::map_to_vector(
        op.getOperands(), [&](Value v) { return map.lookupOrDefault(v); });
    if (auto apply = dyn_cast<affine::AffineApplyOp>(op))
      return emitAffine(apply.getAffineMap(), operands);
    bool isVector = llvm::any_of(
        operands, [](Value v) { return isa<VectorType>(v.getType()); });
    if (op.getNumResults() != 1)
      return {};
    if (!isVector)
      return b.clone(op, map)->getResult(0);
    if (isa<tensor::ExtractOp>(op))
      return emitExtract(operands);
    return vectorized(op.getName(), operands, op.getResult(0).getType(),
                      op.getAttrs());
  }

  Value vectorized(OperationName name, ArrayRef<Value> operands, Type result,
                   ArrayRef<NamedAttribute> attributes = {}) {
    SmallVector<Value> vectors = llvm::map_to_vector(
        operands, [&](Value v) { return access.toVector(v, position.lanes); });
    OperationState state(loc, name, vectors,
                         VectorType::get({position.lanes}, result), attributes);
    return b.create(state)->getResult(0);
  }

  Value emitIndex(unsigned dim) {
    Position here{{position.index[dim]}, position.lanes};
    if (here.isUniform())
      return access.index(here.atLane(0)[0]);
    SmallVector<Value> lanes;
    for (int64_t i = 0; i < position.lanes; ++i)
      lanes.push_back(access.index(here.atLane(i)[0]));
    return vector::FromElementsOp::create(
        b, loc, VectorType::get({position.lanes}, b.getIndexType()), lanes);
  }

  /// `map` of scalars or vectors: as arithmetic, since affine.apply is scalar.
  Value emitAffine(AffineMap map, ArrayRef<Value> operands) {
    if (llvm::none_of(operands,
                      [](Value v) { return isa<VectorType>(v.getType()); }))
      return affine::AffineApplyOp::create(b, loc, map, operands);
    return emitAffine(map.getResult(0), map.getNumDims(), operands);
  }

  Value emitAffine(AffineExpr expr, unsigned numDims,
                   ArrayRef<Value> operands) {
    if (auto constant = dyn_cast<AffineConstantExpr>(expr))
      return arith::ConstantIndexOp::create(b, loc, constant.getValue());
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      return operands[dim.getPosition()];
    if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
      return operands[numDims + symbol.getPosition()];
    auto binary = cast<AffineBinaryOpExpr>(expr);
    SmallVector<Value> sides{emitAffine(binary.getLHS(), numDims, operands),
                             emitAffine(binary.getRHS(), numDims, operands)};
    // Positions are never negative, so the unsigned forms agree.
    StringRef name = arith::AddIOp::getOperationName();
    if (expr.getKind() == AffineExprKind::Mul)
      name = arith::MulIOp::getOperationName();
    if (expr.getKind() == AffineExprKind::FloorDiv)
      name = arith::DivUIOp::getOperationName();
    if (expr.getKind() == AffineExprKind::CeilDiv)
      name = arith::CeilDivUIOp::getOperationName();
    if (expr.getKind() == AffineExprKind::Mod)
      name = arith::RemUIOp::getOperationName();
    return vectorized(OperationName(name, b.getContext()), sides,
                      b.getIndexType());
  }

  /// A table: for positions that are bytes, what convert-table-lookup knows,
  /// otherwise one access for each lane.
  Value emitExtract(ArrayRef<Value> operands) {
    if (auto codes = operands.back().getDefiningOp<arith::IndexCastUIOp>();
        codes && operands.size() == 2 &&
        getElementTypeOrSelf(codes.getIn().getType()).isInteger(8))
      return emitByteLookup(access, operands[0], codes.getIn());
    SmallVector<Value> elements;
    for (int64_t i = 0; i < position.lanes; ++i) {
      SmallVector<Value> indices;
      for (Value operand : operands.drop_front())
        indices.push_back(isa<VectorType>(operand.getType())
                              ? vector::ExtractOp::create(b, loc, operand,
                                                          ArrayRef<int64_t>{i})
                                    .getResult()
                              : operand);
      elements.push_back(
          tensor::ExtractOp::create(b, loc, operands[0], indices));
    }
    return vector::FromElementsOp::create(
        b, loc, VectorType::get({position.lanes}, elements[0].getType()),
        elements);
  }

  TensorAccess &access;
  RewriterBase &b;
  Location loc;
  const Position &position;
  IRMapping map;
};

} // namespace

SmallVector<Value> emitVectorBodies(TensorAccess &access, Block &block,
                                    ArrayRef<SmallVector<Value>> arguments,
                                    ArrayRef<Position> positions,
                                    Value wanted) {
  if (!wanted)
    wanted = block.getTerminator()->getOperand(0);
  SmallVector<BodyEmitter> emitters;
  for (auto [values, position] : llvm::zip_equal(arguments, positions))
    emitters.emplace_back(access, position).enter(block, values);
  for (Operation &op : block.without_terminator()) {
    if (emitters[0].knows(wanted))
      break;
    for (BodyEmitter &emitter : emitters)
      if (!emitter.step(op))
        return {};
  }
  return llvm::map_to_vector(emitters, [&](const BodyEmitter &emitter) {
    return emitter.result(wanted);
  });
}

Value emitByteLookup(TensorAccess &access, Value table, Value bytes) {
  RewriterBase &b = access.b;
  auto constant = [&](TypedAttr value) -> Value {
    return arith::ConstantOp::create(b, access.loc, value);
  };
  auto vectorOf = [&](Type element) {
    return cast<VectorType>(bytes.getType()).clone(element);
  };
  VectorType type = vectorOf(getElementTypeOrSelf(table.getType()));
  Value positions = arith::IndexCastUIOp::create(
      b, access.loc, vectorOf(b.getIndexType()), bytes);
  Value all = constant(DenseElementsAttr::get(vectorOf(b.getI1Type()), true));
  Value zero = constant(cast<TypedAttr>(b.getIndexAttr(0)));
  return vector::GatherOp::create(b, access.loc, type, table, ValueRange{zero},
                                  positions, all,
                                  constant(b.getZeroAttr(type)));
}

} // namespace qopt
