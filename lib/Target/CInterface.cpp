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
#include "qopt/Target/Parallel.h"
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

void qopt::addInfoFunction(Module &module, const ModelInfo &info) {
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
/// void *arena)`, and where there are tasks `NAME_run_parallel` with two more
/// parameters, `qopt_parallel_for parallel_for, void *pool`.
class RunBuilder {
public:
  RunBuilder(Module &module, const ModelInfo &info, const Twine &suffix,
             unsigned parameters)
      : context(module.getContext()), b(context) {
    SmallVector<Type *> types(parameters, b.getPtrTy());
    auto *type = FunctionType::get(b.getInt32Ty(), types, false);
    function = Function::Create(type, GlobalValue::ExternalLinkage,
                                info.name + suffix, module);
    b.SetInsertPoint(BasicBlock::Create(context, "", function));
  }

  /// Checks the arguments and calls the model. `parallelFor` and `pool` are
  /// null where the model has no tasks.
  void build(Function *model, const ModelInfo &info, Value *parallelFor,
             Value *pool) {
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
    if (parallelFor) {
      returnIfNull({parallelFor});
      arguments.push_back(
          buildRun({inputs, outputs, arena, parallelFor, pool}));
    }
    b.CreateCall(model, arguments);
    b.CreateRet(b.getInt32(QOPT_OK));
  }

  Argument *argument(unsigned index) { return function->getArg(index); }

private:
  /// What a task finds the model's arguments in.
  Value *buildRun(ArrayRef<Value *> fields) {
    Type *type = ArrayType::get(b.getPtrTy(), fields.size());
    Value *run = b.CreateAlloca(type);
    for (auto [i, field] : enumerate(fields))
      b.CreateStore(field, b.CreateConstInBoundsGEP2_64(type, run, 0, i));
    return run;
  }

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
// Tasks
//===----------------------------------------------------------------------===//

namespace {
/// The fields of a run, all of them pointers.
enum RunField { RunInputs, RunOutputs, RunArena, RunParallelFor, RunPool };

/// Defines the functions that share out the parts of a model.
class TaskBuilder {
public:
  TaskBuilder(Module &module, const ModelInfo &info)
      : module(module), info(info), context(module.getContext()), b(context) {}

  /// void PART.share(void *run):
  ///   run->parallel_for(run->pool, TASKS, PART.task, run);
  void buildShare(Function *share, Function *part) {
    share->setLinkage(GlobalValue::InternalLinkage);
    Function *task = buildTask(part);
    Value *run = start(share);
    int tasks = 0;
    part->getFnAttribute(kPartTasksAttrName)
        .getValueAsString()
        .getAsInteger(10, tasks);
    b.CreateCall(parallelForType(), load(run, RunParallelFor),
                 {load(run, RunPool), b.getInt32(tasks), task, run});
    b.CreateRetVoid();
  }

  /// A parallel_for of one thread.
  Function *buildSerialFor() {
    Function *function = Function::Create(
        parallelForType(), GlobalValue::InternalLinkage, "qopt.serial", module);
    start(function);
    BasicBlock *entry = b.GetInsertBlock();
    BasicBlock *loop = BasicBlock::Create(context, "", function);
    BasicBlock *exit = BasicBlock::Create(context, "", function);
    b.CreateBr(loop);
    b.SetInsertPoint(loop);
    PHINode *index = b.CreatePHI(b.getInt32Ty(), 2);
    b.CreateCall(taskType(), function->getArg(2), {function->getArg(3), index});
    Value *next = b.CreateAdd(index, b.getInt32(1));
    index->addIncoming(b.getInt32(0), entry);
    index->addIncoming(next, loop);
    b.CreateCondBr(b.CreateICmpSLT(next, function->getArg(1)), loop, exit);
    b.SetInsertPoint(exit);
    b.CreateRetVoid();
    return function;
  }

private:
  /// void PART.task(void *run, int task): PART on the arguments of the run.
  Function *buildTask(Function *part) {
    Function *task = Function::Create(taskType(), GlobalValue::InternalLinkage,
                                      part->getName() + ".task", module);
    Value *run = start(task);
    SmallVector<Value *> arguments;
    auto addAll = [&](RunField field, size_t count) {
      Value *array = load(run, field);
      for (size_t i = 0; i < count; ++i)
        arguments.push_back(load(array, i));
    };
    addAll(RunInputs, info.inputs.size());
    addAll(RunOutputs, info.outputs.size());
    arguments.push_back(load(run, RunArena));
    arguments.push_back(run);
    Type *index = part->getArg(part->arg_size() - 1)->getType();
    arguments.push_back(b.CreateZExt(task->getArg(1), index));
    b.CreateCall(part, arguments);
    b.CreateRetVoid();
    return task;
  }

  Value *start(Function *function) {
    b.SetInsertPoint(BasicBlock::Create(context, "", function));
    return function->getArg(0);
  }
  Value *load(Value *array, uint64_t index) {
    Type *pointer = b.getPtrTy();
    return b.CreateLoad(pointer,
                        b.CreateConstInBoundsGEP1_64(pointer, array, index));
  }
  FunctionType *taskType() {
    return FunctionType::get(b.getVoidTy(), {b.getPtrTy(), b.getInt32Ty()},
                             false);
  }
  FunctionType *parallelForType() {
    return FunctionType::get(
        b.getVoidTy(),
        {b.getPtrTy(), b.getInt32Ty(), b.getPtrTy(), b.getPtrTy()}, false);
  }

  Module &module;
  const ModelInfo &info;
  LLVMContext &context;
  IRBuilder<> b;
};
} // namespace

/// Defines what shares out the model's loops; returns the parts.
static SmallVector<Function *> buildTasks(Module &module,
                                          const ModelInfo &info) {
  SmallVector<std::pair<Function *, Function *>> shares;
  for (Function &function : module) {
    StringRef name = function.getName();
    if (function.isDeclaration() && name.consume_back(kShareSuffix))
      if (Function *part = module.getFunction(name))
        shares.push_back({&function, part});
  }
  SmallVector<Function *> parts;
  for (auto [share, part] : shares) {
    TaskBuilder(module, info).buildShare(share, part);
    parts.push_back(part);
  }
  return parts;
}

//===----------------------------------------------------------------------===//
// The model's function
//===----------------------------------------------------------------------===//

/// Inputs, outputs and the arena do not overlap; inputs are only read. Where
/// parts of the model write (`callsParts`), they do so through pointers of the
/// run, so that its own are not the only ones. The function stays out of line:
/// inlining would turn the facts on the arguments into metadata that later
/// passes drop. The same holds for its parts.
static void annotateModel(Function &model, const ModelInfo &info,
                          bool callsParts = false) {
  size_t tensors = info.inputs.size() + info.outputs.size();
  for (size_t i = 0; i <= tensors; ++i) {
    Argument *argument = model.getArg(i);
    bool isInput = i < info.inputs.size();
    argument->addAttr(Attribute::NonNull);
    if (isInput || !callsParts)
      argument->addAttr(Attribute::NoAlias);
    if (isInput)
      argument->addAttr(Attribute::ReadOnly);
  }
  Argument *arena = model.getArg(tensors);
  arena->addAttr(Attribute::getWithAlignment(model.getContext(),
                                             Align(ModelInfo::kAlignment)));
  model.addFnAttr(Attribute::NoInline);
  model.addFnAttr(Attribute::NoUnwind);
}

Error qopt::addRunFunctions(Module &module, StringRef functionName,
                            const ModelInfo &info, StringRef suffix) {
  Function *model = module.getFunction(functionName);
  bool hasTasks = info.threads > 1;
  size_t expected = info.inputs.size() + info.outputs.size() + 1 + hasTasks;
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
  annotateModel(*model, info, hasTasks);
  for (Function *part : buildTasks(module, info))
    annotateModel(*part, info);
  RunBuilder run(module, info, "_run" + suffix, 3);
  if (!hasTasks) {
    run.build(model, info, nullptr, nullptr);
  } else {
    run.build(
        model, info, TaskBuilder(module, info).buildSerialFor(),
        ConstantPointerNull::get(PointerType::getUnqual(module.getContext())));
    RunBuilder parallel(module, info, "_run_parallel" + suffix, 5);
    parallel.build(model, info, parallel.argument(3), parallel.argument(4));
  }
  return Error::success();
}
