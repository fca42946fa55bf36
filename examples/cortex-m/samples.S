/* The inputs of one sample after another, in flash. */
  .section .rodata
  .balign 8
  .global samples
samples:
  .incbin SAMPLES_FILE
