// Checks integer networks.
#include "kernels/network/network.h"
