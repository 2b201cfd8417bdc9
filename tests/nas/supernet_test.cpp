// The supernet's mixtures and its latency loss against sums by hand.
#include "nas/supernet.h"

#include <gtest/gtest.h>

#include "nas/training.h"

namespace mixq::nas {
namespace {

using torch::Tensor;

Space small_space() {
    using traces::LayerKind;
    return {.name = "small",
            .description = "",
            .channels = 3,
            .height = 8,
            .width = 8,
            .blocks = {{"conv1", LayerKind::Conv, 4, 3, 1, kernels::Pool::Max2x2},
                       {"conv2", LayerKind::Conv, 8, 3, 1, kernels::Pool::None},
                       {"fc", LayerKind::FullyConnected, 10, 1, 1, kernels::Pool::None}}};
}

double pair_cycles(const traces::Layer& layer, traces::Precision precision) {
    return static_cast<double>(layer.macs()) *
           (1.0 + precision.weight_bits + 0.5 * precision.activation_bits);
}

TEST(Supernet, ExpectedLatencyIsTheSumOverLayersAndPairs) {
    const Space space = small_space();
    const LatencyTable table(layers(space), pair_cycles);
    const LatencyLoss loss(table, table);
    Supernet net(space, 3);
    torch::manual_seed(7);
    {
        const torch::NoGradGuard no_grad;
        for (const Tensor& choice : net.choices()) choice.copy_(torch::randn({kWidths}));
    }
    net.set_temperature(0.7);
    double by_hand = 0;
    for (int layer = 0; layer < table.layers(); ++layer) {
        const SupernetLayer& of = net.layers()[static_cast<std::size_t>(layer)];
        const Tensor p = torch::softmax(of.weight_choice / 0.7, 0);
        const Tensor q = torch::softmax(of.activation_choice / 0.7, 0);
        for (const traces::Precision pair : traces::all_precisions()) {
            const bool fixed = layer == 0;
            const double share = p[pair.weight_bits - 2].item<double>() *
                                 (fixed ? (pair.activation_bits == 8 ? 1.0 : 0.0)
                                        : q[pair.activation_bits - 2].item<double>());
            by_hand += share * table.cycles(layer, pair);
        }
    }
    EXPECT_NEAR(
        net.expected_latency(loss.cycles).item<double>() * loss.all_eight, by_hand, 1e-4 * by_hand);
}

TEST(Supernet, LatencyAloneDrivesEveryChoiceToTheCheapestPair) {
    const Space space = small_space();
    const LatencyTable table(layers(space), pair_cycles);
    const LatencyLoss loss(table, table);
    Supernet net(space, 3);
    torch::optim::Adam optimizer(net.choices(), torch::optim::AdamOptions(0.1));
    for (int step = 0; step < 60; ++step) {
        net.zero_grad();
        net.expected_latency(loss.loss).backward();
        optimizer.step();
    }
    const auto bits = net.chosen_bits();
    EXPECT_EQ(to_string(bits), "w2a8 w2a2 w2a2");
}

TEST(Supernet, GradientsReachWeightsStepsAndChoices) {
    Supernet net(small_space(), 5);
    const Tensor images = torch::rand({4, 3, 8, 8});
    net.calibrate_activations(images);
    net.set_mode(Mode::Mixed);
    net.forward(images).pow(2).sum().backward();
    for (std::size_t i = 0; i < net.layers().size(); ++i) {
        const SupernetLayer& layer = net.layers()[i];
        EXPECT_GT(layer.weight.grad().abs().sum().item<double>(), 0) << i;
        EXPECT_GT(layer.weight_choice.grad().abs().sum().item<double>(), 0) << i;
        if (i == 0) continue;
        EXPECT_GT(layer.log_activation_step.grad().abs().sum().item<double>(), 0) << i;
        EXPECT_GT(layer.activation_choice.grad().abs().sum().item<double>(), 0) << i;
    }
    net.zero_grad();
    net.calibrate_weights();
    net.set_mode(Mode::Fixed);
    net.forward(images).pow(2).sum().backward();
    for (const SupernetLayer& layer : net.layers()) {
        EXPECT_GT(layer.log_weight_step.grad().abs().sum().item<double>(), 0);
    }
}

TEST(Supernet, AMixtureOfOneIsTheFixedNetwork) {
    Supernet net(small_space(), 5);
    net.eval();
    const torch::NoGradGuard no_grad;
    const Tensor images = torch::rand({4, 3, 8, 8});
    net.calibrate_activations(images);
    const std::vector<traces::Precision> bits = {{3, 8}, {5, 2}, {8, 4}};
    for (std::size_t i = 0; i < bits.size(); ++i) {
        net.layers()[i].weight_choice[bits[i].weight_bits - 2] = 100;
        net.layers()[i].activation_choice[bits[i].activation_bits - 2] = 100;
    }
    EXPECT_EQ(net.chosen_bits(), bits);
    net.set_mode(Mode::Mixed);
    const Tensor mixed = net.forward(images);
    net.set_bits(bits);
    net.calibrate_weights();
    net.set_mode(Mode::Fixed);
    EXPECT_TRUE(torch::allclose(mixed, net.forward(images), 1e-4, 1e-4));
}

TEST(LambdaController, RaisesLambdaWhileTooSlowAndLowersItWhileFast) {
    double lambda = 1;
    LambdaController controller(lambda, 50, 100);
    controller.step(0.9, 1);
    EXPECT_GT(lambda, 1);
    lambda = 1;
    controller.step(0.3, 1);
    EXPECT_LT(lambda, 1);
    double fixed = 2;
    EXPECT_EQ(LambdaController(fixed, std::nullopt, 100).step(0.9, 1), 2);
}

}  // namespace
}  // namespace mixq::nas
