/* Runs a model in the GPU's memory, on a stream of the caller's, and compares
 * with the run from the host's memory. Link with the model's object. */

#include "model.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long device;

static void *driver;
#define CALL(name, parameters, ...)                                            \
  do {                                                                         \
    int(*function) parameters = (int(*) parameters)dlsym(driver, #name);       \
    if (!function || function(__VA_ARGS__)) {                                  \
      printf("%s failed\n", #name);                                            \
      exit(1);                                                                 \
    }                                                                          \
  } while (0)

static size_t bytesOf(const qopt_tensor_info *tensor) {
  size_t bytes = tensor->dtype == QOPT_F32 ? 4 : 1;
  for (int d = 0; d < tensor->rank; ++d)
    bytes *= (size_t)tensor->shape[d];
  return bytes;
}

int main(void) {
  const qopt_model_info *info = model_info();
  const char *path = getenv("QOPT_LIBCUDA");
  size_t inputBytes = bytesOf(info->inputs),
         outputBytes = bytesOf(info->outputs);
  float *input = malloc(inputBytes);
  char *expected = malloc(outputBytes), *got = malloc(outputBytes);
  void *arena = aligned_alloc(64, info->arena_bytes);
  for (size_t i = 0; i < inputBytes / 4; ++i)
    input[i] = (float)(i % 17) / 16;

  /* The first run leaves no context behind; a null is an error with words. */
  const void *inputs[] = {input};
  void *outputs[] = {expected}, *nothing[] = {NULL};
  printf("null: %d %s\n", model_run(inputs, nothing, arena), model_error());
  if (model_run(inputs, outputs, arena)) {
    printf("%s\n", model_error());
    return 1;
  }

  driver = dlopen(path && *path ? path : "libcuda.so.1", RTLD_NOW);
  void *context, *stream = NULL;
  device deviceInput, deviceOutput, deviceArena;
  CALL(cuDevicePrimaryCtxRetain, (void **, int), &context, 0);
  CALL(cuCtxPushCurrent_v2, (void *), context);
  CALL(cuMemAlloc_v2, (device *, size_t), &deviceInput, inputBytes);
  CALL(cuMemAlloc_v2, (device *, size_t), &deviceOutput, outputBytes);
  CALL(cuMemAlloc_v2, (device *, size_t), &deviceArena, info->arena_bytes);
  CALL(cuStreamCreate, (void **, unsigned), &stream, 1);
  CALL(cuMemcpyHtoDAsync_v2, (device, const void *, size_t, void *),
       deviceInput, input, inputBytes, stream);
  inputs[0] = (const void *)(size_t)deviceInput;
  outputs[0] = (void *)(size_t)deviceOutput;
  if (model_run_stream(inputs, outputs, (void *)(size_t)deviceArena, stream)) {
    printf("%s\n", model_error());
    return 1;
  }
  CALL(cuMemcpyDtoHAsync_v2, (void *, device, size_t, void *), got,
       deviceOutput, outputBytes, stream);
  CALL(cuStreamSynchronize, (void *), stream);
  printf("%s\n", memcmp(got, expected, outputBytes) ? "different" : "equal");

  inputs[0] = (const char *)inputs[0] + 4;
  printf("aligned: %d %s\n",
         model_run_stream(inputs, outputs, (void *)(size_t)deviceArena, stream),
         model_error());

  /* What the model held is free again, and the next run begins anew. */
  size_t before, after, total;
  CALL(cuMemGetInfo_v2, (size_t *, size_t *), &before, &total);
  int released = model_release();
  CALL(cuMemGetInfo_v2, (size_t *, size_t *), &after, &total);
  printf("released: %d, %s\n", released, after > before ? "more" : "no more");
  inputs[0] = input;
  outputs[0] = got;
  memset(got, 0, outputBytes);
  if (model_run(inputs, outputs, arena)) {
    printf("%s\n", model_error());
    return 1;
  }
  printf("again %s\n",
         memcmp(got, expected, outputBytes) ? "different" : "equal");
  printf("released: %d, %d\n", model_release(), model_release());
  return 0;
}
