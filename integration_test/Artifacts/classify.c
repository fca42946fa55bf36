#include "fashion.h"
#include <stdio.h>
#include <string.h>

static _Alignas(64) unsigned char arena[FASHION_ARENA_BYTES];

/* classify IMAGE.npy LOGITS: the file ends with the image's numbers. */
int main(int argc, char **argv) {
  const qopt_model_info *info = fashion_info();
  float image[FASHION_INPUT0_ELEMENTS], logits[FASHION_OUTPUT0_ELEMENTS];
  if (argc != 3 || strcmp(info->name, "fashion") != 0 ||
      info->inputs[0].shape[3] != 28)
    return 1;
  FILE *in = fopen(argv[1], "rb"), *out = fopen(argv[2], "wb");
  if (!in || !out || fseek(in, -(long)sizeof(image), SEEK_END) ||
      fread(image, sizeof(image), 1, in) != 1)
    return 1;
  if (fashion_infer(image, logits, arena) != QOPT_OK)
    return 1;
  if (fwrite(logits, sizeof(logits), 1, out) != 1 || fclose(out))
    return 1;
  printf("%s of one input %s\n", info->outputs[0].name, info->inputs[0].name);
  return 0;
}
