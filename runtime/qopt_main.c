/*===- qopt_main.c - A program around one compiled model ----------*- C -*-===*\
|*
|* Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*|
|*
|* Compiled with -DQOPT_INFO=NAME_info -DQOPT_RUN=NAME_run, after qopt_model.h.
|* With -DQOPT_THREADS=N, N of them share the work, QOPT_RUN is
|* NAME_run_parallel, and qopt_pool.h and qopt_pool.c come before this file.
|* With -DQOPT_ERROR=NAME_error, of a model for a GPU, errors have words.
|*
\*===----------------------------------------------------------------------===*/

#define _POSIX_C_SOURCE 200809L
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

extern const qopt_model_info *QOPT_INFO(void);

#ifdef QOPT_THREADS
extern int QOPT_RUN(const void *const *inputs, void *const *outputs,
                    void *arena, qopt_parallel_for parallel_for, void *pool);
static qopt_pool *pool;
#else
extern int QOPT_RUN(const void *const *inputs, void *const *outputs,
                    void *arena);
#endif

#ifdef QOPT_ERROR
extern const char *QOPT_ERROR(void);
#endif

/* What a run returned, in words. */
static const char *describe(int code) {
#ifdef QOPT_ERROR
  (void)code;
  return QOPT_ERROR();
#else
  switch (code) {
  case QOPT_ERROR_NULL_POINTER:
    return "an argument, an input or an output is null";
  case QOPT_ERROR_ARENA_ALIGNMENT:
    return "the arena is not aligned to 64 bytes";
  case QOPT_ERROR_UNSUPPORTED_CPU:
    return "this CPU, or its operating system, can run none of the targets "
           "that the model was compiled for";
  default:
    return "unknown error";
  }
#endif
}

static int run(const void *const *inputs, void *const *outputs, void *arena) {
#ifdef QOPT_THREADS
  return QOPT_RUN(inputs, outputs, arena, qopt_pool_parallel_for, pool);
#else
  return QOPT_RUN(inputs, outputs, arena);
#endif
}

static const struct {
  int dtype;
  const char *npy; /* NumPy's name of the type */
  size_t size;
} kTypes[] = {
    {QOPT_F32, "<f4", 4}, {QOPT_U8, "|u1", 1},   {QOPT_I8, "|i1", 1},
    {QOPT_U16, "<u2", 2}, {QOPT_I16, "<i2", 2},  {QOPT_I32, "<i4", 4},
    {QOPT_I64, "<i8", 8}, {QOPT_BOOL, "|b1", 1}, {QOPT_F16, "<f2", 2},
    {QOPT_F64, "<f8", 8},
};

static void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("error: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(1);
}

static size_t typeIndex(int dtype) {
  for (size_t i = 0; i < sizeof(kTypes) / sizeof(kTypes[0]); ++i)
    if (kTypes[i].dtype == dtype)
      return i;
  fail("unknown element type %d", dtype);
  return 0;
}

static size_t numBytes(const qopt_tensor_info *tensor) {
  size_t bytes = kTypes[typeIndex(tensor->dtype)].size;
  for (int d = 0; d < tensor->rank; ++d)
    bytes *= (size_t)tensor->shape[d];
  return bytes;
}

static void *allocate(size_t bytes) {
  void *memory = NULL;
  if (posix_memalign(&memory, 64, bytes ? bytes : 64))
    fail("out of memory: %zu bytes", bytes);
  memset(memory, 0, bytes);
  return memory;
}

/* The header of an .npy file: "(1, 3, 4)" as NumPy writes it. */
static void printShape(char *text, size_t size,
                       const qopt_tensor_info *tensor) {
  size_t at = (size_t)snprintf(text, size, "(");
  for (int d = 0; d < tensor->rank && at < size; ++d)
    at += (size_t)snprintf(text + at, size - at, d ? ", %lld" : "%lld",
                           (long long)tensor->shape[d]);
  if (at < size)
    snprintf(text + at, size - at, tensor->rank == 1 ? ",)" : ")");
}

static void readNpy(const char *path, const qopt_tensor_info *tensor,
                    void *data) {
  FILE *file = fopen(path, "rb");
  unsigned char magic[10];
  char header[4096] = {0}, shape[512], expected[1024];
  if (!file)
    fail("%s: cannot be read", path);
  if (fread(magic, 1, 10, file) != 10 || memcmp(magic, "\x93NUMPY\x01", 7))
    fail("%s: expected an .npy file of version 1", path);
  size_t length = (size_t)magic[8] | (size_t)magic[9] << 8;
  if (length >= sizeof(header) || fread(header, 1, length, file) != length)
    fail("%s: the header is cut off", path);
  printShape(shape, sizeof(shape), tensor);
  snprintf(expected, sizeof(expected),
           "{'descr': '%s', 'fortran_order': False, 'shape': %s",
           kTypes[typeIndex(tensor->dtype)].npy, shape);
  if (strncmp(header, expected, strlen(expected)))
    fail("%s: input '%s' expects %s}, got %.*s", path, tensor->name, expected,
         (int)strcspn(header, "}\n") + 1, header);
  if (fread(data, 1, numBytes(tensor), file) != numBytes(tensor))
    fail("%s: the data is cut off", path);
  fclose(file);
}

static void writeNpy(const char *path, const qopt_tensor_info *tensor,
                     const void *data) {
  char header[2048], shape[512];
  printShape(shape, sizeof(shape), tensor);
  int length =
      snprintf(header, sizeof(header),
               "{'descr': '%s', 'fortran_order': False, 'shape': %s, }",
               kTypes[typeIndex(tensor->dtype)].npy, shape);
  /* Magic, length and header fill a multiple of 64 bytes, ended by \n. */
  int padded = (10 + length + 1 + 63) / 64 * 64 - 10;
  unsigned char magic[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};
  magic[8] = (unsigned char)(padded & 255);
  magic[9] = (unsigned char)(padded >> 8);
  FILE *file = fopen(path, "wb");
  if (!file)
    fail("%s: cannot be written", path);
  fwrite(magic, 1, 10, file);
  fprintf(file, "%s%*s\n", header, padded - length - 1, "");
  fwrite(data, 1, numBytes(tensor), file);
  int failed = ferror(file);
  struct stat status;
  if (!fclose(file) && !failed)
    return;
  /* No file is better than a part of one; a device stays. */
  if (!stat(path, &status) && S_ISREG(status.st_mode))
    remove(path);
  fail("%s: cannot be written", path);
}

static void printTensor(const char *what, const qopt_tensor_info *tensor) {
  char shape[512];
  printShape(shape, sizeof(shape), tensor);
  printf("%s %s: %s %s\n", what, tensor->name,
         kTypes[typeIndex(tensor->dtype)].npy, shape);
}

static void printInfo(const qopt_model_info *info) {
  printf("%s, qopt %s, %s, arena %zu bytes, weights %zu bytes\n", info->name,
         info->version, info->target, info->arena_bytes, info->weight_bytes);
  for (int i = 0; i < info->n_inputs; ++i)
    printTensor("input", &info->inputs[i]);
  for (int i = 0; i < info->n_outputs; ++i)
    printTensor("output", &info->outputs[i]);
}

static int finish(void) {
  if (fflush(stdout) || ferror(stdout))
    fail("stdout cannot be written");
  return 0;
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void bench(const void *const *inputs, void *const *outputs, void *arena,
                  int runs) {
  double best = 0;
  for (int i = 0; i < runs; ++i) {
    double start = seconds();
    run(inputs, outputs, arena);
    double elapsed = seconds() - start;
    if (i == 0 || elapsed < best)
      best = elapsed;
  }
  printf("%d runs, fastest %.1f us\n", runs, best * 1e6);
}

/* 0 for what is no number of runs. */
static int positive(const char *text) {
  char *end;
  long value = strtol(text, &end, 10);
  return *text && !*end && value > 0 && value <= 1000000000 ? (int)value : 0;
}

static int usage(const char *program) {
  fprintf(stderr,
          "usage: %s [--input FILE.npy...] [--output FILE.npy...] [--bench N]\n"
          "several inferences: all inputs of one after those of the other\n",
          program);
  return 2;
}

/* Files given, in the order of inferences and of the model's tensors. */
typedef struct {
  const char **inputs, **outputs;
  int n_inputs, n_outputs, bench_runs;
} options;

/* Whether the arguments make sense. */
static int parse(int argc, char **argv, options *given) {
  int *count = NULL;
  const char **list = NULL;
  for (int i = 1; i < argc; ++i) {
    if (!strcmp(argv[i], "--input")) {
      list = given->inputs;
      count = &given->n_inputs;
    } else if (!strcmp(argv[i], "--output")) {
      list = given->outputs;
      count = &given->n_outputs;
    } else if (!strcmp(argv[i], "--bench") && i + 1 < argc &&
               (given->bench_runs = positive(argv[i + 1]))) {
      ++i;
    } else if (list && argv[i][0] != '-') {
      list[(*count)++] = argv[i];
    } else {
      return 0;
    }
  }
  return 1;
}

/* How many inferences `given` files are for, `each` for one. */
static int inferences(const char *what, int given, int each) {
  if (given && (!each || given % each))
    fail("expected %d %s files for each inference, got %d", each, what, given);
  return each ? given / each : 0;
}

int main(int argc, char **argv) {
  const qopt_model_info *info = QOPT_INFO();
  size_t slots = (size_t)(info->n_inputs + info->n_outputs + 1);
  const void **inputs = calloc(slots, sizeof(void *));
  void **outputs = calloc(slots, sizeof(void *));
  options given = {calloc((size_t)argc, sizeof(char *)),
                   calloc((size_t)argc, sizeof(char *)), 0, 0, 0};
  if (!inputs || !outputs || !given.inputs || !given.outputs)
    fail("out of memory");
  if (!parse(argc, argv, &given))
    return usage(argv[0]);
  if (argc == 1) {
    printInfo(info);
    return finish();
  }
  int runs = inferences("input", given.n_inputs, info->n_inputs);
  int written = inferences("output", given.n_outputs, info->n_outputs);
  if (!runs && (info->n_inputs == 0 || given.bench_runs))
    runs = 1;
  if (!runs || written > runs)
    fail("expected %d input files for each inference, got %d", info->n_inputs,
         given.n_inputs);

  for (int i = 0; i < info->n_inputs; ++i)
    inputs[i] = allocate(numBytes(&info->inputs[i]));
  for (int i = 0; i < info->n_outputs; ++i)
    outputs[i] = allocate(numBytes(&info->outputs[i]));
  void *arena = allocate(info->arena_bytes);

#ifdef QOPT_THREADS
  if (!(pool = qopt_pool_create(QOPT_THREADS)))
    fail("%d threads cannot be started", QOPT_THREADS);
#endif
  for (int at = 0; at < runs; ++at) {
    for (int i = 0; i < info->n_inputs && given.n_inputs; ++i)
      readNpy(given.inputs[at * info->n_inputs + i], &info->inputs[i],
              (void *)inputs[i]);
    int code = run(inputs, outputs, arena);
    if (code != QOPT_OK)
      fail("%s", describe(code));
    for (int i = 0; i < info->n_outputs && at < written; ++i)
      writeNpy(given.outputs[at * info->n_outputs + i], &info->outputs[i],
               outputs[i]);
  }

  if (!written && !given.bench_runs && info->n_outputs)
    printf("inferences: %d; --output FILE.npy... keeps what they give\n", runs);

  if (given.bench_runs)
    bench(inputs, outputs, arena, given.bench_runs);
  return finish();
}
