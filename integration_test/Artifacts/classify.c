#include "fashion.h"
#include <stdio.h>
#include <string.h>

static _Alignas(64) unsigned char arena[FASHION_ARENA_BYTES];

int main(void) {
  const qopt_model_info *info = fashion_info();
  float image[28 * 28] = {0}, logits[10];
  if (strcmp(info->name, "fashion") != 0 || info->inputs[0].shape[3] != 28)
    return 1;
  for (int i = 0; i < 28 * 28; ++i)
    image[i] = (float)(i % 28) / 27.0f;
  if (fashion_infer(image, logits, arena) != QOPT_OK)
    return 1;
  int best = 0;
  for (int i = 1; i < 10; ++i)
    best = logits[i] > logits[best] ? i : best;
  printf("%s of one input %s\nclass %d\n", info->outputs[0].name,
         info->inputs[0].name, best);
  return 0;
}
