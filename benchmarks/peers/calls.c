/* Loops of calls, so that what is timed is the callee. A function that returns
   0 is called `count` times, with the arguments behind; what else it returns
   ends the loop. */

int calls_1(long count, int (*call)(void *), void *a) {
  int status = 0;
  while (!status && count-- > 0)
    status = call(a);
  return status;
}

int calls_3(long count, int (*call)(void *, void *, void *), void *a, void *b,
            void *c) {
  int status = 0;
  while (!status && count-- > 0)
    status = call(a, b, c);
  return status;
}

int calls_4(long count, int (*call)(void *, void *, void *, void *), void *a,
            void *b, void *c, void *d) {
  int status = 0;
  while (!status && count-- > 0)
    status = call(a, b, c, d);
  return status;
}

int calls_5(long count, int (*call)(void *, void *, void *, void *, void *),
            void *a, void *b, void *c, void *d, void *e) {
  int status = 0;
  while (!status && count-- > 0)
    status = call(a, b, c, d, e);
  return status;
}
