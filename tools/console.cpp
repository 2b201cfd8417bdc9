// Tables, progress and JSON.
#include "tools/console.h"
