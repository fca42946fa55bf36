//===- Launcher.cpp - The host's side of a model for a GPU ----------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The layout of the structures is that of runtime/qopt_cuda.h.
//
//===----------------------------------------------------------------------===//

#include "Launcher.h"
#include "CInterface.h"
#include "EmbeddedRuntime.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/TargetParser/Host.h"

using namespace llvm;
using namespace qopt;

namespace {
/// Builds the constants of qopt_cuda_model and the functions around it.
class LauncherBuilder {
public:
  LauncherBuilder(Module &module, const ModelInfo &info)
      : module(module), info(info), context(module.getContext()), b(context) {}

  Constant *model(StringRef ptx, StringRef cubin, StringRef weights,
                  mlir::ArrayAttr launches, int sm) {
    Constant *null = ConstantPointerNull::get(b.getPtrTy());
    return global(
        "model",
        structOf({string(info.name), b.getInt32(sm), string(ptx),
                  cubin.empty() ? null : bytes("cubin", cubin),
                  bytes("weights", weights), size(weights.size()),
                  size(info.arenaBytes), b.getInt32(info.inputs.size()),
                  b.getInt32(info.outputs.size()), tensorBytes(),
                  b.getInt32(launches.size()), launchTable(launches),
                  global("state", null, /*isConstant=*/false)}));
  }

  /// int NAME_SUFFIX(pointers) { return CALLEE(model, pointers); }
  void addCall(StringRef suffix, StringRef callee, Constant *model,
               unsigned pointers) {
    SmallVector<Type *> types(pointers, b.getPtrTy());
    auto *type = FunctionType::get(b.getInt32Ty(), types, false);
    types.push_back(b.getPtrTy());
    FunctionCallee target = module.getOrInsertFunction(
        callee, FunctionType::get(b.getInt32Ty(), types, false));
    Function *function = start(type, suffix);
    SmallVector<Value *> arguments{model};
    for (Argument &argument : function->args())
      arguments.push_back(&argument);
    b.CreateRet(b.CreateCall(target, arguments));
  }

  /// const char *NAME_error(void)
  void addError() {
    auto *type = FunctionType::get(b.getPtrTy(), false);
    FunctionCallee target = module.getOrInsertFunction("qopt_cuda_error", type);
    start(type, "_error");
    b.CreateRet(b.CreateCall(target));
  }

private:
  Function *start(FunctionType *type, StringRef suffix) {
    Function *function = Function::Create(type, GlobalValue::ExternalLinkage,
                                          info.name + suffix, module);
    b.SetInsertPoint(BasicBlock::Create(context, "", function));
    return function;
  }
  GlobalVariable *global(const Twine &name, Constant *value,
                         bool isConstant = true) {
    return new GlobalVariable(module, value->getType(), isConstant,
                              GlobalValue::PrivateLinkage, value,
                              "qopt.cuda." + name);
  }
  Constant *structOf(ArrayRef<Constant *> fields) {
    return ConstantStruct::getAnon(context, fields);
  }
  Constant *string(StringRef text) {
    return global("text", ConstantDataArray::getString(context, text));
  }
  Constant *bytes(const Twine &name, StringRef content) {
    GlobalVariable *variable =
        global(name, ConstantDataArray::getString(context, content,
                                                  /*AddNull=*/false));
    variable->setAlignment(Align(ModelInfo::kAlignment));
    return variable;
  }
  Constant *size(uint64_t value) {
    return ConstantInt::get(module.getDataLayout().getIntPtrType(context),
                            value);
  }
  Constant *arrayOf(const Twine &name, ArrayRef<Constant *> elements) {
    if (elements.empty())
      return ConstantPointerNull::get(b.getPtrTy());
    auto *type = ArrayType::get(elements.front()->getType(), elements.size());
    return global(name, ConstantArray::get(type, elements));
  }
  Constant *tensorBytes() {
    SmallVector<Constant *> sizes;
    for (const auto *tensors : {&info.inputs, &info.outputs})
      for (const TensorInfo &tensor : *tensors)
        sizes.push_back(size(tensor.numBytes()));
    return arrayOf("bytes", sizes);
  }
  Constant *launchTable(mlir::ArrayAttr launches) {
    SmallVector<Constant *> table;
    for (auto launch : launches.getAsRange<mlir::DictionaryAttr>()) {
      auto number = [&](StringRef name) {
        return b.getInt32(launch.getAs<mlir::IntegerAttr>(name).getInt());
      };
      table.push_back(
          structOf({string(launch.getAs<mlir::StringAttr>("kernel").getValue()),
                    number("blocks"), number("threads")}));
    }
    return arrayOf("launches", table);
  }

  Module &module;
  const ModelInfo &info;
  LLVMContext &context;
  IRBuilder<> b;
};
} // namespace

/// The processors on which qopt itself runs.
static Expected<TargetInfo> hostOfLauncher() {
  Triple host(sys::getProcessTriple());
  if (host.isAArch64())
    return TargetInfo::get("aarch64");
  return TargetInfo::get("x86-64-v2");
}

/// "sm_80" -> 80.
static int computeCapability(const TargetInfo &target) {
  int sm = 0;
  StringRef(target.cpu).drop_front(3).getAsInteger(10, sm);
  return sm;
}

Expected<std::string> qopt::emitLauncher(const ModelVersion &version,
                                         StringRef ptx, const ModelInfo &info,
                                         const EmitOptions &options) {
  Expected<TargetInfo> host = hostOfLauncher();
  if (!host)
    return host.takeError();
  auto machine = createTargetMachine(*host, options.optLevel);
  if (!machine)
    return machine.takeError();
  auto cubin = assemblePtx(ptx, version.target);
  if (!cubin)
    return cubin.takeError();
  auto launches = version.module->getAttrOfType<mlir::ArrayAttr>(
      QoptDialect::kLaunchesAttrName);
  auto weights = version.module->getAttrOfType<mlir::DenseElementsAttr>(
      QoptDialect::kWeightsAttrName);
  if (!launches || !weights)
    return make_error<InternalError>("expected a module of kernels");
  std::string image(weights.getNumElements(), '\0');
  if (weights.isSplat())
    std::fill(image.begin(), image.end(), weights.getRawData().front());
  else
    image.assign(weights.getRawData().begin(), weights.getRawData().end());

  LLVMContext context;
  Module module(info.name, context);
  module.setDataLayout((*machine)->createDataLayout());
  module.setTargetTriple((*machine)->getTargetTriple());
  module.setPICLevel(PICLevel::BigPIC);
  LauncherBuilder builder(module, info);
  Constant *model = builder.model(ptx, *cubin, image, launches,
                                  computeCapability(version.target));
  builder.addCall("_run", "qopt_cuda_run", model, 3);
  builder.addCall("_run_stream", "qopt_cuda_run_stream", model, 4);
  builder.addCall("_release", "qopt_cuda_release", model, 0);
  builder.addError();
  addInfoFunction(module, info);
  auto object = generateCode(module, **machine, CodeGenFileType::ObjectFile);
  if (!object)
    return object.takeError();
  return linkObjects({*object, launcherObject()});
}
