// From trained floats to integers: batch normalisation and steps folded into the network of
// kernels/network/network.h, and that network's forward pass in LibTorch. The accuracy of a plan is
// measured through the latter, so it is the accuracy of the firmware.
#pragma once

#include <string>

#include <torch/torch.h>

#include "kernels/network/network.h"
#include "nas/dataset.h"
#include "nas/space.h"
#include "nas/supernet.h"

namespace mixq::nas {

// The network at the supernet's fixed widths. Throws std::runtime_error (kernels::check) if the
// integers cannot hold it.
kernels::IntegerNetwork export_network(const Space& space, const Supernet& supernet);

// images: uint8 [image][channel][row][column]. Returns int64 [image][output].
torch::Tensor integer_logits(const kernels::IntegerNetwork& network, const torch::Tensor& images);

// The share of images whose largest logit (the first of equals) is their label.
double integer_accuracy(const kernels::IntegerNetwork& network, const ImageSet& set);

// The first `images` images of a set with their logits.
kernels::Golden make_golden(const kernels::IntegerNetwork& network,
                            const ImageSet& set,
                            int images);

}  // namespace mixq::nas
