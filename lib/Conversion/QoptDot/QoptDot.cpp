//===- QoptDot.cpp - The low-bit dot as target instructions ---------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// DotForm says which instructions take a dot; the plain form takes the rest and
// is the oracle for all of them. Dots are lowered from the last to the first,
// because one sum in 16 bits takes several that accumulate onto each other.
//
//===----------------------------------------------------------------------===//

#include "RoundPack.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "qopt/Conversion/Passes.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Target/DotForm.h"
#include "qopt/Target/LookUpTarget.h"

using namespace mlir;
using namespace qopt;

namespace qopt {
#define GEN_PASS_DEF_CONVERTQOPTDOTPASS
#include "qopt/Conversion/Passes.h.inc"
} // namespace qopt

namespace {

class DotLowering {
public:
  DotLowering(MLIRContext *context, std::optional<TargetInfo> target)
      : b(context), target(std::move(target)) {}

  /// Lowers all dots of `root`.
  void run(Operation *root);

private:
  /// Lowers `op`, and the dots before it that its form takes along.
  void lower(DotOp op);

  DotForm formOf(DotOp op) const;
  Value lowerToQuads(DotOp op);
  Value lowerToMatrix(DotOp op);
  Value lowerToWidePairs(DotOp op);
  Value lowerToStepSums(ArrayRef<DotOp> chain);
  void lowerFlipped(DotOp op);
  Value lowerToDp4a(DotOp op);
  Value lowerToPairSums(ArrayRef<DotOp> chain);
  Value lowerToPairs(DotOp op);
  Value lowerToAcross(DotOp op);
  Value lowerToRegisterPairs(DotOp op);
  Value lowerToProducts(DotOp op);
  Value lowerToScalarProducts(DotOp op);

  int64_t lanes(DotOp op) const {
    return cast<VectorType>(op.getAcc().getType()).getNumElements();
  }
  Value splat(Location loc, VectorType type, int64_t value);
  Value call(Location loc, StringRef intrinsic, Type type,
             ArrayRef<Value> operands);
  Value extend(Location loc, Value bytes, bool isUnsigned, bool isOdd);

  IRRewriter b;
  /// Nothing: the portable form alone.
  std::optional<TargetInfo> target;
  /// Gone with a dot after them.
  DenseSet<Operation *> taken;
};

} // namespace

/// What a shuffle of one vector of 16 bytes to 32 has taken them from, if byte
/// i of the result is `byteAt(i)`.
static Value shuffled(Value value, function_ref<int64_t(int64_t)> byteAt) {
  auto shuffle = value.getDefiningOp<vector::ShuffleOp>();
  if (!shuffle || shuffle.getV1VectorType().getNumElements() != 16)
    return {};
  ArrayRef<int64_t> mask = shuffle.getMask();
  if (mask.size() != 32)
    return {};
  for (auto [i, byte] : llvm::enumerate(mask))
    if (byte != byteAt(i))
      return {};
  return shuffle.getV1();
}

/// Two rows, each of which two lanes see.
static Value rowsOf(DotOp op) {
  return shuffled(op.getA(), [](int64_t i) { return i / 16 * 8 + i % 8; });
}

/// Two columns, which each row's lanes see.
static Value columnsOf(DotOp op) {
  return shuffled(op.getB(), [](int64_t i) { return i % 16; });
}

DotForm DotLowering::formOf(DotOp op) const {
  int64_t bytes = cast<VectorType>(op.getA().getType()).getNumElements();
  DotShape shape;
  if (!target)
    return DotForm();
  shape.canSplitSums = bytes == 2 * lanes(op);
  shape.isDeep = bytes == 16 * lanes(op);
  if (bytes == 8 * lanes(op)) {
    shape.canPairRows = true;
    if (!rowsOf(op) || !columnsOf(op))
      return DotForm();
  }
  shape.lanes = lanes(op);
  shape.unsignedA = op.getUnsignedA();
  shape.unsignedB = op.getUnsignedB();
  if (op.getPairBound())
    shape.pairBound = *op.getPairBound();
  if (op.getByteBound())
    shape.byteBound = *op.getByteBound();
  DotForm form = DotForm::choose(*target, shape);
  // The others multiply four bytes a lane, or eight.
  if ((shape.canSplitSums && form.kind != DotForm::Kind::StepSums) ||
      (shape.isDeep && form.kind != DotForm::Kind::Across))
    return DotForm();
  return form;
}

/// How many steps of `op` and dots like it have exact sums in 16 bits, by its
/// promise alone.
static int64_t exactSteps(DotOp op, DotForm::Kind kind) {
  if (kind == DotForm::Kind::PairSums)
    return op.getPairBound() ? exactPairSteps(*op.getPairBound()) : 0;
  return op.getByteBound() ? exactSignedSteps(*op.getByteBound()) : 1;
}

/// The dots that `last` may take into one sum of `form.steps` steps, first to
/// last. The sum is exact if even the weakest promise allows as many.
static SmallVector<DotOp> chainOf(DotOp last, const DotForm &form) {
  SmallVector<DotOp> chain{last};
  int64_t steps = std::min(form.steps, exactSteps(last, form.kind));
  while (int64_t(chain.size()) < steps) {
    auto before = chain.back().getAcc().getDefiningOp<DotOp>();
    if (!before || !before->hasOneUse() ||
        before->getBlock() != last->getBlock() ||
        before.getA().getType() != last.getA().getType() ||
        before.getUnsignedA() != last.getUnsignedA() ||
        before.getUnsignedB() != last.getUnsignedB())
      break;
    steps = std::min(steps, exactSteps(before, form.kind));
    if (steps <= int64_t(chain.size()))
      break;
    chain.push_back(before);
  }
  std::reverse(chain.begin(), chain.end());
  return chain;
}

void DotLowering::lower(DotOp op) {
  b.setInsertionPoint(op);
  DotForm form = formOf(op);
  SmallVector<DotOp> lowered{op};
  Value result;
  if (form.flipsA)
    return lowerFlipped(op);
  switch (form.kind) {
  case DotForm::Kind::Quads:
    result = target->isGpu() ? lowerToDp4a(op) : lowerToQuads(op);
    break;
  case DotForm::Kind::Matrix:
    result = lowerToMatrix(op);
    break;
  case DotForm::Kind::WidePairs:
    result = lowerToWidePairs(op);
    break;
  case DotForm::Kind::StepSums:
    lowered = chainOf(op, form);
    result = lowerToStepSums(lowered);
    break;
  case DotForm::Kind::PairSums:
    lowered = chainOf(op, form);
    result = lowerToPairSums(lowered);
    break;
  case DotForm::Kind::Pairs:
    result = lowerToPairs(op);
    break;
  case DotForm::Kind::Across:
    result = lowerToAcross(op);
    break;
  case DotForm::Kind::RegisterPairs:
    result = lowerToRegisterPairs(op);
    break;
  case DotForm::Kind::ScalarProducts:
    result = lowerToScalarProducts(op);
    break;
  case DotForm::Kind::Products:
    result = lowerToProducts(op);
    break;
  }
  b.replaceOp(op, result);
  for (DotOp before : llvm::reverse(ArrayRef<DotOp>(lowered).drop_back())) {
    taken.insert(before);
    b.eraseOp(before);
  }
}

void DotLowering::run(Operation *root) {
  SmallVector<Operation *> dots;
  root->walk([&](DotOp op) { dots.push_back(op); });
  for (Operation *op : llvm::reverse(dots))
    if (!taken.contains(op))
      lower(cast<DotOp>(op));
}

//===----------------------------------------------------------------------===//
// Four products in one instruction
//===----------------------------------------------------------------------===//

static StringRef quadIntrinsic(const TargetInfo &target, int64_t lanes,
                               bool isMixed, bool isUnsigned) {
  if (target.arch == TargetInfo::Arch::X86_64)
    return lanes == 16  ? "llvm.x86.avx512.vpdpbusd.512"
           : lanes == 8 ? "llvm.x86.avx512.vpdpbusd.256"
                        : "llvm.x86.avx512.vpdpbusd.128";
  return isMixed      ? "llvm.aarch64.neon.usdot.v4i32.v16i8"
         : isUnsigned ? "llvm.aarch64.neon.udot.v4i32.v16i8"
                      : "llvm.aarch64.neon.sdot.v4i32.v16i8";
}

/// Instructions of mixed signs take the unsigned side first. Arm's take their
/// second side from a lane, which is where activations come from; LLVM finds
/// the form of `usdot` that does so with the first one.
Value DotLowering::lowerToQuads(DotOp op) {
  Value first = op.getA(), second = op.getB();
  bool isMixed = op.getUnsignedA() != op.getUnsignedB();
  bool isArm = target->arch == TargetInfo::Arch::AArch64;
  if (isMixed ? op.getUnsignedB() : isArm)
    std::swap(first, second);
  return call(op.getLoc(),
              quadIntrinsic(*target, lanes(op), isMixed, op.getUnsignedA()),
              op.getAcc().getType(), {op.getAcc(), first, second});
}

/// Two rows by two columns, where every lane's bytes are laid out for it.
Value DotLowering::lowerToMatrix(DotOp op) {
  StringRef intrinsic = op.getUnsignedA() != op.getUnsignedB()
                            ? "llvm.aarch64.neon.usmmla.v4i32.v16i8"
                        : op.getUnsignedA()
                            ? "llvm.aarch64.neon.ummla.v4i32.v16i8"
                            : "llvm.aarch64.neon.smmla.v4i32.v16i8";
  return call(op.getLoc(), intrinsic, op.getAcc().getType(),
              {op.getAcc(), rowsOf(op), columnsOf(op)});
}

// dot(acc, a, b) -> dot(acc, a ^ 0x80, b) - dot(0, -128, b)
//
// For activations that are stored unsigned; the second sum does not depend on
// a.
void DotLowering::lowerFlipped(DotOp op) {
  Location loc = op.getLoc();
  auto type = cast<VectorType>(op.getA().getType());
  Value least = splat(loc, type, -128);
  Value zero = splat(loc, cast<VectorType>(op.getAcc().getType()), 0);
  auto signedDot = [&](Value acc, Value a) {
    return DotOp::create(b, loc, acc.getType(), acc, a, op.getB(),
                         /*unsigned_a=*/false, op.getUnsignedB(),
                         op.getPairBoundAttr(), op.getByteBoundAttr());
  };
  auto products =
      signedDot(op.getAcc(), arith::XOrIOp::create(b, loc, op.getA(), least));
  auto taken = signedDot(zero, least);
  Value sum = arith::SubIOp::create(b, loc, products, taken);
  b.replaceOp(op, sum);
  lower(products);
  lower(taken);
}

// dot(acc, a, b) -> [dp4a(acc[l], a[4l..], b[4l..])]
//
// dp4a wraps, and takes the signs of its sides apart.
Value DotLowering::lowerToDp4a(DotOp op) {
  static constexpr StringLiteral kNames[2][2] = {
      {"llvm.nvvm.idp4a.s.s", "llvm.nvvm.idp4a.s.u"},
      {"llvm.nvvm.idp4a.u.s", "llvm.nvvm.idp4a.u.u"}};
  Location loc = op.getLoc();
  auto type = cast<VectorType>(op.getAcc().getType());
  Value first = vector::BitCastOp::create(b, loc, type, op.getA());
  Value second = vector::BitCastOp::create(b, loc, type, op.getB());
  SmallVector<Value> sums;
  for (int64_t i = 0; i < type.getNumElements(); ++i) {
    auto lane = [&](Value value) -> Value {
      return vector::ExtractOp::create(b, loc, value, ArrayRef<int64_t>{i});
    };
    sums.push_back(call(loc, kNames[op.getUnsignedA()][op.getUnsignedB()],
                        b.getI32Type(),
                        {lane(first), lane(second), lane(op.getAcc())}));
  }
  return vector::FromElementsOp::create(b, loc, type, sums);
}

//===----------------------------------------------------------------------===//
// Pairs of products
//===----------------------------------------------------------------------===//

// dot(acc, a, b) -> acc + pairwise(addp(low(a) * low(b), high(a) * high(b)))
//
// Products of bytes have 16 bits, and so has the sum of neighbours: see
// isExactWidePair, with the promise of pair_bound.
Value DotLowering::lowerToWidePairs(DotOp op) {
  Location loc = op.getLoc();
  auto half = VectorType::get({8}, b.getI16Type());
  SmallVector<Value> products;
  for (int64_t at : {0, 8}) {
    SmallVector<Value> bytes;
    for (Value side : {op.getA(), op.getB()})
      bytes.push_back(vector::ExtractStridedSliceOp::create(
          b, loc, side, ArrayRef<int64_t>{at}, ArrayRef<int64_t>{8},
          ArrayRef<int64_t>{1}));
    products.push_back(call(loc, "llvm.aarch64.neon.smull.v8i16", half, bytes));
  }
  Value pairs = call(loc, "llvm.aarch64.neon.addp.v8i16", half, products);
  Value sums = call(loc, "llvm.aarch64.neon.saddlp.v4i32.v8i16",
                    op.getAcc().getType(), {pairs});
  return arith::AddIOp::create(b, loc, op.getAcc(), sums);
}

// dot(dot(acc, a0, b0), a1, b1) -> acc + pairwise(a0 * b0 + a1 * b1)
//
// smull and smlal, as neither product nor sum leaves 16 bits: see
// exactSignedSteps, with the promise of byte_bound; then sadalp.
Value DotLowering::lowerToStepSums(ArrayRef<DotOp> chain) {
  DotOp first = chain.front();
  Location loc = first.getLoc();
  auto type = VectorType::get({2 * lanes(first)}, b.getI16Type());
  Value sum;
  for (DotOp op : chain) {
    Value products = call(loc, "llvm.aarch64.neon.smull.v8i16", type,
                          {op.getA(), op.getB()});
    sum = sum ? arith::AddIOp::create(b, loc, sum, products) : products;
  }
  Value wide = call(loc, "llvm.aarch64.neon.saddlp.v4i32.v8i16",
                    first.getAcc().getType(), {sum});
  return arith::AddIOp::create(b, loc, first.getAcc(), wide);
}

static StringRef pairIntrinsic(const TargetInfo &target, int64_t lanes) {
  if (target.arch == TargetInfo::Arch::Wasm)
    return "llvm.wasm.dot";
  return lanes == 16  ? "llvm.x86.avx512.pmaddw.d.512"
         : lanes == 8 ? "llvm.x86.avx2.pmadd.wd"
                      : "llvm.x86.sse2.pmadd.wd";
}

static StringRef saturatingPairIntrinsic(int64_t lanes) {
  return lanes == 16  ? "llvm.x86.avx512.pmaddubs.w.512"
         : lanes == 8 ? "llvm.x86.avx2.pmadd.ub.sw"
                      : "llvm.x86.ssse3.pmadd.ub.sw.128";
}

// dot(dot(acc, a0, b0), a1, b1)
//   -> acc + pmaddwd(pmaddubsw(a0, b0) + pmaddubsw(a1, b1), 1)
//
// No sum leaves 16 bits: see exactPairSteps, with the promise of pair_bound.
Value DotLowering::lowerToPairSums(ArrayRef<DotOp> chain) {
  DotOp first = chain.front();
  Location loc = first.getLoc();
  int64_t count = lanes(first);
  auto type = VectorType::get({2 * count}, b.getI16Type());
  Value sum;
  for (DotOp op : chain) {
    Value products =
        call(loc, saturatingPairIntrinsic(count), type, {op.getA(), op.getB()});
    sum = sum ? arith::AddIOp::create(b, loc, sum, products) : products;
  }
  Value wide = call(loc, pairIntrinsic(*target, count),
                    first.getAcc().getType(), {sum, splat(loc, type, 1)});
  return arith::AddIOp::create(b, loc, first.getAcc(), wide);
}

// dot(acc, a, b) -> acc + pmaddwd(even(a), even(b)) + pmaddwd(odd(a), odd(b))
//
// even and odd extend every second byte to 16 bits where it is. A product of
// two bytes has 16 bits and a sign, and the sum of two is exact in 32, so that
// no value of the operands saturates.
Value DotLowering::lowerToPairs(DotOp op) {
  Value sum = op.getAcc();
  for (bool isOdd : {false, true}) {
    Value first = extend(op.getLoc(), op.getA(), op.getUnsignedA(), isOdd);
    Value second = extend(op.getLoc(), op.getB(), op.getUnsignedB(), isOdd);
    Value pairs = call(op.getLoc(), pairIntrinsic(*target, lanes(op)),
                       sum.getType(), {first, second});
    sum = arith::AddIOp::create(b, op.getLoc(), sum, pairs);
  }
  return sum;
}

/// The even or odd bytes of `bytes` as 16-bit integers.
Value DotLowering::extend(Location loc, Value bytes, bool isUnsigned,
                          bool isOdd) {
  int64_t count = cast<VectorType>(bytes.getType()).getNumElements() / 2;
  auto type = VectorType::get({count}, b.getI16Type());
  Value both = vector::BitCastOp::create(b, loc, type, bytes);
  if (isUnsigned && !isOdd)
    return arith::AndIOp::create(b, loc, both, splat(loc, type, 0xFF));
  if (isUnsigned)
    return arith::ShRUIOp::create(b, loc, both, splat(loc, type, 8));
  if (!isOdd)
    both = arith::ShLIOp::create(b, loc, both, splat(loc, type, 8));
  return arith::ShRSIOp::create(b, loc, both, splat(loc, type, 8));
}

// dot(acc, a, b) -> vmladava(acc, a, b), signed, added, no lanes exchanged
Value DotLowering::lowerToAcross(DotOp op) {
  Location loc = op.getLoc();
  Type i32 = b.getI32Type();
  Value sum =
      vector::ExtractOp::create(b, loc, op.getAcc(), ArrayRef<int64_t>{0});
  Value no = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(0));
  sum = call(loc, "llvm.arm.mve.vmldava.v16i8", i32,
             {no, no, no, sum, op.getA(), op.getB()});
  return vector::BroadcastOp::create(b, loc, op.getAcc().getType(), sum);
}

// dot(acc, a, b) -> smlad(odd(a), odd(b), smlad(even(a), even(b), acc))
//
// uxtb16 and sxtb16 extend bytes 0 and 2 of a register, after a rotation by
// eight bits bytes 1 and 3. Sums wrap; no product of bytes leaves 16 bits and a
// sign.
Value DotLowering::lowerToRegisterPairs(DotOp op) {
  Location loc = op.getLoc();
  Type i32 = b.getI32Type();
  auto first = [&](Value vector) -> Value {
    return vector::ExtractOp::create(b, loc, vector, ArrayRef<int64_t>{0});
  };
  auto word = [&](Value bytes) {
    auto type = VectorType::get({1}, i32);
    return first(vector::BitCastOp::create(b, loc, type, bytes));
  };
  auto extended = [&](Value word, bool isUnsigned, bool isOdd) {
    if (isOdd) {
      Value eight = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(8));
      word = call(loc, "llvm.fshr.i32", i32, {word, word, eight});
    }
    return call(loc, isUnsigned ? "llvm.arm.uxtb16" : "llvm.arm.sxtb16", i32,
                {word});
  };
  Value sum = first(op.getAcc()), x = word(op.getA()), w = word(op.getB());
  for (bool isOdd : {false, true})
    sum = call(loc, "llvm.arm.smlad", i32,
               {extended(x, op.getUnsignedA(), isOdd),
                extended(w, op.getUnsignedB(), isOdd), sum});
  return vector::BroadcastOp::create(b, loc, op.getAcc().getType(), sum);
}

//===----------------------------------------------------------------------===//
// Plain arithmetic
//===----------------------------------------------------------------------===//

// dot(acc, a, b) -> acc + sum_j (ext(a) * ext(b))[l * k + j]
//
// Neighbours are added pairwise, even and odd lanes apart. Sums wrap, so their
// order does not matter.
Value DotLowering::lowerToProducts(DotOp op) {
  Location loc = op.getLoc();
  auto type = cast<VectorType>(op.getAcc().getType());
  auto widen = [&](Value value, bool isUnsigned) -> Value {
    auto wide = cast<VectorType>(value.getType()).clone(type.getElementType());
    if (isUnsigned)
      return arith::ExtUIOp::create(b, loc, wide, value);
    return arith::ExtSIOp::create(b, loc, wide, value);
  };
  Value sum = arith::MulIOp::create(b, loc, widen(op.getA(), op.getUnsignedA()),
                                    widen(op.getB(), op.getUnsignedB()));
  int64_t count = cast<VectorType>(sum.getType()).getNumElements();
  for (; count > type.getNumElements(); count /= 2) {
    SmallVector<int64_t> even, odd;
    for (int64_t i = 0; i < count; i += 2) {
      even.push_back(i);
      odd.push_back(i + 1);
    }
    Value evens = vector::ShuffleOp::create(b, loc, sum, sum, even);
    Value odds = vector::ShuffleOp::create(b, loc, sum, sum, odd);
    sum = arith::AddIOp::create(b, loc, evens, odds);
  }
  return arith::AddIOp::create(b, loc, op.getAcc(), sum);
}

// dot(acc, a, b) -> (acc + ext(a0) * ext(b0)) + ext(a1) * ext(b1) ...
//
// In this order each step is one multiply-accumulate.
Value DotLowering::lowerToScalarProducts(DotOp op) {
  Location loc = op.getLoc();
  Type i32 = b.getI32Type();
  auto element = [&](Value vector, int64_t i) -> Value {
    return vector::ExtractOp::create(b, loc, vector, ArrayRef<int64_t>{i});
  };
  auto widen = [&](Value byte, bool isUnsigned) -> Value {
    if (isUnsigned)
      return arith::ExtUIOp::create(b, loc, i32, byte);
    return arith::ExtSIOp::create(b, loc, i32, byte);
  };
  Value sum = element(op.getAcc(), 0);
  int64_t bytes = cast<VectorType>(op.getA().getType()).getNumElements();
  for (int64_t i = 0; i < bytes; ++i) {
    Value product = arith::MulIOp::create(
        b, loc, widen(element(op.getA(), i), op.getUnsignedA()),
        widen(element(op.getB(), i), op.getUnsignedB()));
    sum = arith::AddIOp::create(b, loc, sum, product);
  }
  return vector::BroadcastOp::create(b, loc, op.getAcc().getType(), sum);
}

Value DotLowering::splat(Location loc, VectorType type, int64_t value) {
  auto attr = DenseElementsAttr::get(
      type, b.getIntegerAttr(type.getElementType(), value));
  return arith::ConstantOp::create(b, loc, attr);
}

Value DotLowering::call(Location loc, StringRef intrinsic, Type type,
                        ArrayRef<Value> operands) {
  return LLVM::CallIntrinsicOp::create(b, loc, type, b.getStringAttr(intrinsic),
                                       operands)
      .getResult(0);
}

namespace {
struct ConvertQoptDot : qopt::impl::ConvertQoptDotPassBase<ConvertQoptDot> {
  using ConvertQoptDotPassBase::ConvertQoptDotPassBase;

  void runOnOperation() override {
    std::optional<TargetInfo> info;
    if (target != "portable") {
      FailureOr<TargetInfo> known = lookUpTarget(getOperation(), target);
      if (failed(known))
        return signalPassFailure();
      info = *known;
    }
    RewritePatternSet patterns(&getContext());
    populateRoundPackPatterns(patterns, info);
    walkAndApplyPatterns(getOperation(), std::move(patterns));
    DotLowering(&getContext(), info).run(getOperation());
  }
};
} // namespace
