/*===- main.c - A model on samples in flash ---------------------------------===*\
|*
|* Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

/* For each sample one line, the bytes of the outputs in hexadecimal, and last
 * how long an inference takes. `samples` holds the inputs of one sample after
 * another; its layout is that of `model_info`. */

#include "model.h"
#include "semihosting.h"

enum { MAX_TENSORS = 8 };

extern const unsigned char samples[];
static _Alignas(64) unsigned char arena[MODEL_ARENA_BYTES];
static _Alignas(8) unsigned char outputs[OUTPUT_BYTES];

/* The core's own timer: control, first value, current value. It counts down
 * from at most 2^24 - 1. */
static volatile uint32_t *const systick = (volatile uint32_t *)0xE000E010;

static uint32_t element_bytes(int dtype) {
  switch (dtype) {
  case QOPT_F32:
  case QOPT_I32:
    return 4;
  case QOPT_U16:
  case QOPT_I16:
  case QOPT_F16:
    return 2;
  case QOPT_I64:
  case QOPT_F64:
    return 8;
  default:
    return 1;
  }
}

static uint32_t tensor_bytes(const qopt_tensor_info *tensor) {
  uint32_t bytes = element_bytes(tensor->dtype);
  for (int i = 0; i < tensor->rank; ++i)
    bytes *= (uint32_t)tensor->shape[i];
  return bytes;
}

/* A decimal without division, which not every core has. */
static void print_number(uint32_t number) {
  static const uint32_t powers[] = {1000000000, 100000000, 10000000, 1000000,
                                    100000,     10000,     1000,     100,
                                    10,         1};
  char text[11];
  int length = 0;
  for (int i = 0; i < 10; ++i) {
    char digit = '0';
    for (; number >= powers[i]; number -= powers[i])
      ++digit;
    if (digit != '0' || length || i == 9)
      text[length++] = digit;
  }
  text[length] = 0;
  semihosting_print(text);
}

static void print_bytes(const unsigned char *bytes, uint32_t count) {
  char text[2 * 32 + 1];
  int length = 0;
  for (uint32_t i = 0; i < count; ++i) {
    text[length++] = "0123456789abcdef"[bytes[i] >> 4];
    text[length++] = "0123456789abcdef"[bytes[i] & 15];
    if (length == 64 || i + 1 == count) {
      text[length] = 0;
      semihosting_print(text);
      length = 0;
    }
  }
}

static uint32_t ticks_since(uint32_t start) {
  return (start - systick[2]) & 0xFFFFFF;
}

/* How many ticks 2,000,000 instructions take. */
static uint32_t measure_clock(void) {
  uint32_t start = systick[2], n = 1000000;
  __asm__ volatile(".syntax unified\n1: subs %0, #1\n bne 1b"
                   : "+l"(n)
                   :
                   : "cc");
  return ticks_since(start);
}

static int run_sample(const unsigned char **sample) {
  const qopt_model_info *model = model_info();
  const void *inputs[MAX_TENSORS];
  void *results[MAX_TENSORS];
  if (model->n_inputs > MAX_TENSORS || model->n_outputs > MAX_TENSORS)
    return QOPT_ERROR_NULL_POINTER;
  for (int i = 0; i < model->n_inputs; ++i) {
    inputs[i] = *sample;
    *sample += tensor_bytes(&model->inputs[i]);
  }
  unsigned char *next = outputs;
  for (int i = 0; i < model->n_outputs; ++i) {
    results[i] = next;
    next += (tensor_bytes(&model->outputs[i]) + 7) & ~7u;
  }
  return model_run(inputs, results, arena);
}

int main(void) {
  const qopt_model_info *model = model_info();
  const unsigned char *sample = samples;
  uint32_t ticks = 0;
  systick[1] = 0xFFFFFF;
  systick[2] = 0;
  systick[0] = 5;
  uint32_t clock = measure_clock();
  for (int i = 0; i < SAMPLES; ++i) {
    uint32_t start = systick[2];
    int code = run_sample(&sample);
    ticks = ticks_since(start);
    if (code != QOPT_OK) {
      semihosting_print("error ");
      print_number((uint32_t)code);
      semihosting_print("\n");
      return 1;
    }
    const unsigned char *next = outputs;
    for (int k = 0; k < model->n_outputs; ++k) {
      uint32_t bytes = tensor_bytes(&model->outputs[k]);
      print_bytes(next, bytes);
      next += (bytes + 7) & ~7u;
    }
    semihosting_print("\n");
  }
  semihosting_print("ticks ");
  print_number(ticks);
  semihosting_print(" clock ");
  print_number(clock);
  semihosting_print("\n");
  return 0;
}
