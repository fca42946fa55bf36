//===- CInterface.cpp - NAME_run and NAME_info in LLVM IR -----------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The layout of the structures is that of runtime/qopt_model.h.
//
//===----------------------------------------------------------------------===//

#include "CInterface.h"
#include "qopt/Target/Emit.h"
#include "llvm/IR/IRBuilder.h"

#include "qopt_model.h"

using namespace llvm;
using namespace qopt;

//===----------------------------------------------------------------------===//
// NAME_info
//===----------------------------------------------------------------------===//

namespace {
/// Builds the constants of qopt_model_info.
class InfoBuilder {
public:
  explicit InfoBuilder(Module &module)
      : module(module), context(module.getContext()),
        i32(Type::getInt32Ty(context)), i64(Type::getInt64Ty(context)),
        size(module.getDataLayout().getIntPtrType(context)),
        pointer(PointerType::getUnqual(context)) {}

  Constant *modelInfo(const ModelInfo &info) {
    return global(
        "info",
        structOf({string(info.name), string(info.target), string(info.version),
                  ConstantInt::get(size, info.arenaBytes),
                  ConstantInt::get(size, info.weightBytes),
                  ConstantInt::get(i32, info.inputs.size()),
                  ConstantInt::get(i32, info.outputs.size()),
                  tensors(info.inputs), tensors(info.outputs)}));
  }

private:
  GlobalVariable *global(const Twine &name, Constant *value) {
    return new GlobalVariable(module, value->getType(), /*isConstant=*/true,
                              GlobalValue::PrivateLinkage, value,
                              "qopt." + name);
  }
  Constant *structOf(ArrayRef<Constant *> fields) {
    return ConstantStruct::getAnon(context, fields);
  }
  Constant *string(StringRef text) {
    return global("text", ConstantDataArray::getString(context, text));
  }
  Constant *shape(ArrayRef<int64_t> sizes) {
    if (sizes.empty())
      return ConstantPointerNull::get(pointer);
    return global(
        "shape",
        ConstantDataArray::get(
            context, ArrayRef(reinterpret_cast<const uint64_t *>(sizes.data()),
                              sizes.size())));
  }
  Constant *tensor(const TensorInfo &info) {
    return structOf({string(info.name),
                     ConstantInt::get(i32, static_cast<int32_t>(info.dtype)),
                     ConstantInt::get(i32, info.shape.size()),
                     shape(info.shape),
                     ConstantFP::get(context, APFloat(info.scale)),
                     ConstantInt::get(i32, info.zeroPoint, /*IsSigned=*/true)});
  }
  Constant *tensors(ArrayRef<TensorInfo> infos) {
    if (infos.empty())
      return ConstantPointerNull::get(pointer);
    SmallVector<Constant *> elements;
    for (const TensorInfo &info : infos)
      elements.push_back(tensor(info));
    return global("tensors",
                  ConstantArray::get(ArrayType::get(elements.front()->getType(),
                                                    elements.size()),
                                     elements));
  }

  Module &module;
  LLVMContext &context;
  IntegerType *i32, *i64, *size;
  PointerType *pointer;
};
} // namespace

static void addInfoFunction(Module &module, const ModelInfo &info) {
  LLVMContext &context = module.getContext();
  Constant *value = InfoBuilder(module).modelInfo(info);
  auto *type = FunctionType::get(PointerType::getUnqual(context), false);
  Function *function = Function::Create(type, GlobalValue::ExternalLinkage,
                                        info.name + "_info", module);
  IRBuilder<> b(BasicBlock::Create(context, "", function));
  b.CreateRet(value);
}

//===----------------------------------------------------------------------===//
// NAME_run
//===----------------------------------------------------------------------===//

namespace {
/// Builds `int NAME_run(const void *const *inputs, void *const *outputs,
/// void *arena)`.
class RunBuilder {
public:
  RunBuilder(Module &module, const ModelInfo &info)
      : context(module.getContext()), b(context) {
    Type *pointer = b.getPtrTy();
    auto *type =
        FunctionType::get(b.getInt32Ty(), {pointer, pointer, pointer}, false);
    function = Function::Create(type, GlobalValue::ExternalLinkage,
                                info.name + "_run", module);
    b.SetInsertPoint(BasicBlock::Create(context, "", function));
  }

  void build(Function *model, const ModelInfo &info) {
    Argument *inputs = function->getArg(0), *outputs = function->getArg(1),
             *arena = function->getArg(2);
    returnIfNull({inputs, outputs, arena});
    Value *address = b.CreatePtrToInt(arena, b.getInt64Ty());
    Value *low = b.CreateAnd(address, ModelInfo::kAlignment - 1);
    returnIf(b.CreateIsNotNull(low), QOPT_ERROR_ARENA_ALIGNMENT);

    SmallVector<Value *> arguments;
    loadPointers(inputs, info.inputs.size(), arguments);
    loadPointers(outputs, info.outputs.size(), arguments);
    returnIfNull(arguments);
    arguments.push_back(arena);
    b.CreateCall(model, arguments);
    b.CreateRet(b.getInt32(QOPT_OK));
  }

private:
  void loadPointers(Value *array, size_t count,
                    SmallVectorImpl<Value *> &pointers) {
    for (size_t i = 0; i < count; ++i)
      pointers.push_back(b.CreateLoad(
          b.getPtrTy(), b.CreateConstInBoundsGEP1_64(b.getPtrTy(), array, i)));
  }
  void returnIf(Value *condition, int code) {
    BasicBlock *fail = BasicBlock::Create(context, "", function);
    BasicBlock *next = BasicBlock::Create(context, "", function);
    b.CreateCondBr(condition, fail, next);
    b.SetInsertPoint(fail);
    b.CreateRet(b.getInt32(code));
    b.SetInsertPoint(next);
  }
  void returnIfNull(ArrayRef<Value *> pointers) {
    Value *any = b.getFalse();
    for (Value *pointer : pointers)
      any = b.CreateOr(any, b.CreateIsNull(pointer));
    returnIf(any, QOPT_ERROR_NULL_POINTER);
  }

  LLVMContext &context;
  IRBuilder<> b;
  Function *function = nullptr;
};
} // namespace

//===----------------------------------------------------------------------===//
// The model's function
//===----------------------------------------------------------------------===//

/// Inputs, outputs and the arena do not overlap; inputs are only read. The
/// function stays out of line: inlining would turn the facts on the arguments
/// into metadata that later passes drop.
static void annotateModel(Function &model, const ModelInfo &info) {
  for (Argument &argument : model.args()) {
    argument.addAttr(Attribute::NoAlias);
    argument.addAttr(Attribute::NonNull);
    if (argument.getArgNo() < info.inputs.size())
      argument.addAttr(Attribute::ReadOnly);
  }
  Argument *arena = model.getArg(model.arg_size() - 1);
  arena->addAttr(Attribute::getWithAlignment(model.getContext(),
                                             Align(ModelInfo::kAlignment)));
  model.addFnAttr(Attribute::NoInline);
  model.addFnAttr(Attribute::NoUnwind);
}

Error qopt::addCInterface(Module &module, StringRef functionName,
                          const ModelInfo &info) {
  Function *model = module.getFunction(functionName);
  size_t expected = info.inputs.size() + info.outputs.size() + 1;
  if (!model || model->isDeclaration() || model->arg_size() != expected)
    return make_error<InternalError>("expected a function '" + functionName +
                                     "' of " + Twine(expected) +
                                     " pointers in the LLVM module");

  for (Function &function : module)
    if (!function.isDeclaration())
      function.setLinkage(GlobalValue::InternalLinkage);
  for (GlobalVariable &global : module.globals())
    if (!global.isDeclaration())
      global.setLinkage(GlobalValue::InternalLinkage);
  // The name may be the prefix itself, or that of an exported symbol.
  model->setName(info.name + ".model");
  annotateModel(*model, info);
  RunBuilder(module, info).build(model, info);
  addInfoFunction(module, info);
  return Error::success();
}
