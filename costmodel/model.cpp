// Predicts cycles from a fitted model.
#include "costmodel/model.h"
