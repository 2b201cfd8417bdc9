// Where the peripherals of each part lie: RM0385 section 2.2.2, RM0433 section 2.3.2, RM0455 section 2.3.2.
#include "sim/peripheral_block.h"

namespace mixq::sim {

namespace {

using Kind = PeripheralKind;

// What both families have in the same place.
std::vector<PeripheralPlace> shared_places() {
    return {
        {"TIM2", 0x4000'0000, 0x400, Kind::Timer32, 28, 1},
        {"TIM3", 0x4000'0400, 0x400, Kind::Timer, 29, 1},
        {"TIM4", 0x4000'0800, 0x400, Kind::Timer, 30, 1},
        {"TIM5", 0x4000'0c00, 0x400, Kind::Timer32, 50, 1},
        {"TIM6", 0x4000'1000, 0x400, Kind::Timer, 54, 1},
        {"TIM7", 0x4000'1400, 0x400, Kind::Timer, 55, 1},
        {"TIM12", 0x4000'1800, 0x400, Kind::Timer, 43, 1},
        {"TIM13", 0x4000'1c00, 0x400, Kind::Timer, 44, 1},
        {"TIM14", 0x4000'2000, 0x400, Kind::Timer, 45, 1},
        {"LPTIM1", 0x4000'2400, 0x400},
        {"SPI2", 0x4000'3800, 0x400},
        {"SPI3", 0x4000'3c00, 0x400},
        {"SPDIFRX", 0x4000'4000, 0x400},
        {"USART2", 0x4000'4400, 0x400, Kind::Usart, 38},
        {"USART3", 0x4000'4800, 0x400, Kind::Usart, 39},
        {"UART4", 0x4000'4c00, 0x400, Kind::Usart, 52},
        {"UART5", 0x4000'5000, 0x400, Kind::Usart, 53},
        {"I2C1", 0x4000'5400, 0x400},
        {"I2C2", 0x4000'5800, 0x400},
        {"I2C3", 0x4000'5c00, 0x400},
        {"DAC", 0x4000'7400, 0x400},
        {"UART7", 0x4000'7800, 0x400, Kind::Usart, 82},
        {"UART8", 0x4000'7c00, 0x400, Kind::Usart, 83},
        {"TIM1", 0x4001'0000, 0x400, Kind::Timer, 25, 2},
        {"TIM8", 0x4001'0400, 0x400, Kind::Timer, 44, 2},
        {"USART1", 0x4001'1000, 0x400, Kind::Usart, 37},
        {"USART6", 0x4001'1400, 0x400, Kind::Usart, 71},
        {"SPI1", 0x4001'3000, 0x400},
        {"SPI4", 0x4001'3400, 0x400},
        {"ITM", 0xe000'0000, 0x1000, Kind::Storage},
        {"DWT", 0xe000'1000, 0x1000, Kind::Trace},
        {"FPB", 0xe000'2000, 0x1000, Kind::Storage},
        {"SCS", 0xe000'e000, 0x1000, Kind::System},
        {"TPIU", 0xe004'0000, 0x1000, Kind::Storage},
        {"ETM", 0xe004'1000, 0x1000, Kind::Storage},
    };
}

void add_ports(std::vector<PeripheralPlace>& places, std::uint32_t first) {
    static constexpr std::string_view kPorts[] = {"GPIOA",
                                                  "GPIOB",
                                                  "GPIOC",
                                                  "GPIOD",
                                                  "GPIOE",
                                                  "GPIOF",
                                                  "GPIOG",
                                                  "GPIOH",
                                                  "GPIOI",
                                                  "GPIOJ",
                                                  "GPIOK"};
    for (const std::string_view port : kPorts) {
        places.push_back({port, first, 0x400, Kind::Gpio});
        first += 0x400;
    }
}

std::vector<PeripheralPlace> places_f7() {
    std::vector<PeripheralPlace> places = shared_places();
    add_ports(places, 0x4002'0000);
    const std::initializer_list<PeripheralPlace> own = {
        {"RTC", 0x4000'2800, 0x400},
        {"WWDG", 0x4000'2c00, 0x400},
        {"IWDG", 0x4000'3000, 0x400},
        {"I2C4", 0x4000'6000, 0x400},
        {"CAN1", 0x4000'6400, 0x400},
        {"CAN2", 0x4000'6800, 0x400},
        {"CEC", 0x4000'6c00, 0x400},
        {"PWR", 0x4000'7000, 0x400, Kind::PwrF7},
        {"ADC", 0x4001'2000, 0x400},
        {"SDMMC1", 0x4001'2c00, 0x400},
        {"SYSCFG", 0x4001'3800, 0x400, Kind::Storage},
        {"EXTI", 0x4001'3c00, 0x400, Kind::Storage},
        {"TIM9", 0x4001'4000, 0x400, Kind::Timer, 24, 2},
        {"TIM10", 0x4001'4400, 0x400, Kind::Timer, 25, 2},
        {"TIM11", 0x4001'4800, 0x400, Kind::Timer, 26, 2},
        {"SPI5", 0x4001'5000, 0x400},
        {"SPI6", 0x4001'5400, 0x400},
        {"SAI1", 0x4001'5800, 0x400},
        {"SAI2", 0x4001'5c00, 0x400},
        {"LTDC", 0x4001'6800, 0x400},
        {"CRC", 0x4002'3000, 0x400},
        {"RCC", 0x4002'3800, 0x400, Kind::RccF7},
        {"FLASH", 0x4002'3c00, 0x400, Kind::Flash},
        {"BKPSRAM", 0x4002'4000, 0x1000, Kind::Storage},
        {"DMA1", 0x4002'6000, 0x400},
        {"DMA2", 0x4002'6400, 0x400},
        {"ETH", 0x4002'8000, 0x1400},
        {"DMA2D", 0x4002'b000, 0xc00},
        {"USB OTG HS", 0x4004'0000, 0x4'0000},
        {"USB OTG FS", 0x5000'0000, 0x4'0000},
        {"DCMI", 0x5005'0000, 0x400},
        {"RNG", 0x5006'0800, 0x400},
        {"FMC", 0xa000'0000, 0x1000},
        {"QUADSPI", 0xa000'1000, 0x1000},
        {"DBGMCU", 0xe004'2000, 0x1000, Kind::Identity},
        {"device id", 0x1ff0'f000, 0x1000, Kind::Identity},
    };
    places.insert(places.end(), own);
    return places;
}

std::vector<PeripheralPlace> places_h7(bool h7a3) {
    std::vector<PeripheralPlace> places = shared_places();
    add_ports(places, 0x5802'0000);
    const std::initializer_list<PeripheralPlace> own = {
        {"CEC", 0x4000'6c00, 0x400},
        {"CRS", 0x4000'8400, 0x400, Kind::Storage},
        {"OPAMP", 0x4000'9000, 0x400},
        {"FDCAN", 0x4000'a000, 0x800},
        {"UART9", 0x4001'1800, 0x400, Kind::Usart, 155},
        {"USART10", 0x4001'1c00, 0x400, Kind::Usart, 156},
        {"TIM15", 0x4001'4000, 0x400, Kind::Timer, 116, 2},
        {"TIM16", 0x4001'4400, 0x400, Kind::Timer, 117, 2},
        {"TIM17", 0x4001'4800, 0x400, Kind::Timer, 118, 2},
        {"SPI5", 0x4001'5000, 0x400},
        {"SAI1", 0x4001'5800, 0x400},
        {"SAI2", 0x4001'5c00, 0x400},
        {"DMA1", 0x4002'0000, 0x400},
        {"DMA2", 0x4002'0400, 0x400},
        {"DMAMUX1", 0x4002'0800, 0x400},
        {"ADC1", 0x4002'2000, 0x400},
        {"ETH", 0x4002'8000, 0x1400},
        {"USB OTG", 0x4004'0000, 0x8'0000},
        {"DCMI", 0x4802'0000, 0x400},
        {"RNG", 0x4802'1800, 0x400},
        {"SDMMC2", 0x4802'2400, 0x800},
        {"GPV", 0x5100'0000, 0x10'0000, Kind::Storage},
        {"MDMA", 0x5200'0000, 0x1000},
        {"DMA2D", 0x5200'1000, 0x1000},
        {"FLASH", 0x5200'2000, 0x1000, Kind::Flash},
        {"FMC", 0x5200'4000, 0x1000},
        {"OCTOSPI1", 0x5200'5000, 0x1000},
        {"SDMMC1", 0x5200'7000, 0x1000},
        {"RAMECC", 0x5200'9000, 0x400},
        {"EXTI", 0x5800'0000, 0x400, Kind::Storage},
        {"SYSCFG", 0x5800'0400, 0x400, Kind::Storage},
        {"LPUART1", 0x5800'0c00, 0x400, Kind::Usart, 142},
        {"I2C4", 0x5800'1c00, 0x400},
        {"RTC", 0x5800'4000, 0x400},
        {"IWDG", 0x5800'4800, 0x400},
        {"RCC", 0x5802'4400, 0x400, Kind::RccH7},
        {"PWR", 0x5802'4800, 0x400, Kind::PwrH7},
        {"CRC", h7a3 ? 0x4002'3000u : 0x5802'4c00u, 0x400},
        {"BDMA", 0x5802'5400, 0x400},
        {"DMAMUX2", 0x5802'5800, 0x400},
        {"DBGMCU", 0x5c00'1000, 0x1000, Kind::Identity},
        {"device id", h7a3 ? 0x08ff'f000u : 0x1ff1'e000u, 0x1000, Kind::Identity},
    };
    places.insert(places.end(), own);
    return places;
}

}  // namespace

std::vector<PeripheralPlace> peripheral_places(const Board& board) {
    if (board.name.starts_with("stm32f7")) return places_f7();
    return places_h7(board.name == "stm32h7a3");
}

}  // namespace mixq::sim
