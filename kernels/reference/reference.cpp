// The definition of right: plain loops.
#include "kernels/reference/reference.h"
