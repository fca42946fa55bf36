/* Prints what the information structure says of the border. */
#include "net.h"
#include <stdio.h>

static void print(const qopt_tensor_info *tensor) {
  printf("%s: dtype %d, scale %g, zero point %d\n", tensor->name, tensor->dtype,
         (double)tensor->scale, (int)tensor->zero_point);
}

int main(void) {
  static _Alignas(64) unsigned char arena[NET_ARENA_BYTES + 64];
  uint8_t x[NET_INPUT0_ELEMENTS] = {0}, y[NET_OUTPUT0_ELEMENTS];
  if (net_infer(x, y, arena) != QOPT_OK)
    return 1;
  print(&net_info()->inputs[0]);
  print(&net_info()->outputs[0]);
  return 0;
}
