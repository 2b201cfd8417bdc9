// The backbones, one file each.
#pragma once

#include "nas/space.h"

namespace mixq::nas {

const Space& vgg_tiny();

}  // namespace mixq::nas
