//===- ObjectFile.cpp - What an object holds and asks for -----------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ObjectFile.h"
#include "qopt/Target/Emit.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Object/ObjectFile.h"

using namespace llvm;
using namespace qopt;

Error qopt::checkUndefinedSymbols(StringRef bytes,
                                  ArrayRef<std::string> externals) {
  Expected<std::unique_ptr<object::ObjectFile>> object =
      object::ObjectFile::createObjectFile(MemoryBufferRef(bytes, "object"));
  if (!object)
    return object.takeError();
  for (const object::SymbolRef &symbol : (*object)->symbols()) {
    Expected<uint32_t> flags = symbol.getFlags();
    if (!flags)
      return flags.takeError();
    if (!(*flags & object::SymbolRef::SF_Undefined))
      continue;
    Expected<StringRef> name = symbol.getName();
    if (!name)
      return name.takeError();
    if ((*object)->isWasm() && *name == "__stack_pointer")
      continue;
    if (is_contained(externals, *name))
      continue;
    if (is_contained({"__extendhfsf2", "__truncsfhf2", "__gnu_h2f_ieee",
                      "__gnu_f2h_ieee", "__aeabi_h2f", "__aeabi_f2h"},
                     *name))
      return createStringError(
          "expected a target that converts f16 to f32 and back, got one that "
          "calls '" +
          *name + "' for it; make the model's tensors f32");
    // The null symbol of ELF is undefined and has no name.
    if (!is_contained({"", "memcpy", "memset", "qopt_observe", "getauxval"},
                      *name))
      return make_error<InternalError>(
          "expected code that calls only memcpy and memset, got a call of '" +
          *name + "'");
  }
  return Error::success();
}

Expected<ObjectSizes> qopt::measureObject(StringRef bytes) {
  Expected<std::unique_ptr<object::ObjectFile>> object =
      object::ObjectFile::createObjectFile(MemoryBufferRef(bytes, "object"));
  if (!object)
    return object.takeError();
  ObjectSizes sizes;
  for (const object::SectionRef &section : (*object)->sections()) {
    Expected<StringRef> name = section.getName();
    if (!name)
      return name.takeError();
    if (section.isText())
      sizes.code += section.getSize();
    // Of ELF, and of WebAssembly.
    else if (name->starts_with(".rodata") || *name == "DATA")
      sizes.constants += section.getSize();
  }
  return sizes;
}
