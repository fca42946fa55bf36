#include "model.h"
#include <stdio.h>

static _Alignas(64) unsigned char arena[MODEL_ARENA_BYTES];
static float input[MODEL_INPUT0_ELEMENTS], output[MODEL_OUTPUT0_ELEMENTS];

/* Raw floats from standard input to standard output: what the lowest level
 * makes of them, then what the chosen one does. */
int main(void) {
  const void *inputs[] = {input};
  void *outputs[] = {output};
  int (*const runs[])(const void *const *, void *const *,
                      void *) = {model_run_x86_64_v2, model_run};
  if (fread(input, sizeof(input), 1, stdin) != 1)
    return 1;
  for (int i = 0; i < 2; ++i)
    if (runs[i](inputs, outputs, arena) != QOPT_OK ||
        fwrite(output, sizeof(output), 1, stdout) != 1)
      return 1;
  return 0;
}
