// What the machine can do: fused multiply-adds in registers, and reading memory; and a call that does
// nothing. Compiled for this CPU alone (-march=native), unlike the package.
#include <pybind11/numpy.h>

namespace py = pybind11;

namespace {

#if defined(__AVX512F__)
constexpr int vector_bytes = 64, accumulators = 24;
#elif defined(__AVX__)
constexpr int vector_bytes = 32, accumulators = 12;
#else
constexpr int vector_bytes = 16, accumulators = 12;
#endif
#if defined(__x86_64__)
#define IN_A_VECTOR_REGISTER "+x"
#else
#define IN_A_VECTOR_REGISTER "+w"
#endif

template <class T>
struct Vector {
    typedef T type __attribute__((vector_size(vector_bytes)));
};

// Runs `rounds` times as many multiply-adds as there are accumulators, which never leave registers; returns
// the flops done. -ffp-contract=fast makes each a*x+b one instruction.
template <class T>
double multiply_adds(long rounds) {
    using V = typename Vector<T>::type;
    V sum[accumulators], factor = V{} + T(0.999999), term = V{} + T(1e-6);
    for (auto& s : sum) s = V{} + T(1);
    asm volatile("" : IN_A_VECTOR_REGISTER(factor), IN_A_VECTOR_REGISTER(term));
    for (long r = 0; r < rounds; ++r) {
#pragma GCC unroll 24
        for (int i = 0; i < accumulators; ++i) sum[i] = sum[i] * factor + term;
    }
    for (auto& s : sum) asm volatile("" : IN_A_VECTOR_REGISTER(s));
    return 2.0 * static_cast<double>(rounds) * accumulators * (vector_bytes / sizeof(T));
}

// Adds up the words of a contiguous array as 64-bit integers: the least that a pass over it costs.
unsigned long read_all(const py::array& values) {
    using V = Vector<unsigned long>::type;
    const auto* at = static_cast<const V*>(static_cast<const void*>(values.data()));
    V sum[8] = {};
    for (py::ssize_t n = values.nbytes() / (8 * vector_bytes); n > 0; --n, at += 8)
        for (int i = 0; i < 8; ++i) {
            V word;
            __builtin_memcpy(&word, at + i, sizeof word);
            sum[i] += word;
        }
    unsigned long total = 0;
    for (const auto& s : sum)
        for (int lane = 0; lane < vector_bytes / 8; ++lane) total += s[lane];
    return total;
}

// Reads four arrays of n floats and writes three of them, as Adam's step does, with next to no arithmetic.
void touch(py::array_t<float>& x, const py::array_t<float>& g, py::array_t<float>& m, py::array_t<float>& v) {
    float* __restrict px = x.mutable_data();
    float* __restrict pm = m.mutable_data();
    float* __restrict pv = v.mutable_data();
    const float* __restrict pg = g.data();
    const py::ssize_t n = x.size();
    for (py::ssize_t i = 0; i < n; ++i) {
        pm[i] += pg[i];
        pv[i] += pg[i];
        px[i] += pg[i];
    }
}

}  // namespace

PYBIND11_MODULE(_peers_native, m) {
    auto released = py::call_guard<py::gil_scoped_release>();
    m.def("multiply_adds_float32", &multiply_adds<float>, released);
    m.def("multiply_adds_float64", &multiply_adds<double>, released);
    m.def("read_all", &read_all);
    m.def("touch", &touch);
    m.def("nothing", [](const py::object&, const py::object&) { return 0.0; });
}
