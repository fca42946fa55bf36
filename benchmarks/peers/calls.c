/* Loops of calls, so that what is timed is the callee: a function of N pointers
   that returns 0 is called `count` times with those of `a`. What else it
   returns ends the loop. */

#define LOOP(N, TYPES, ARGUMENTS)                                              \
  int calls_##N(long count, int(*call) TYPES, void **a) {                      \
    int status = 0;                                                            \
    while (!status && count-- > 0)                                             \
      status = call ARGUMENTS;                                                 \
    return status;                                                             \
  }

LOOP(1, (void *), (a[0]))
LOOP(2, (void *, void *), (a[0], a[1]))
LOOP(3, (void *, void *, void *), (a[0], a[1], a[2]))
LOOP(4, (void *, void *, void *, void *), (a[0], a[1], a[2], a[3]))
LOOP(5, (void *, void *, void *, void *, void *),
     (a[0], a[1], a[2], a[3], a[4]))
