#include "bindings/bind.hpp"
#include "bindings/loss_arguments.hpp"
#include "core/losses.hpp"

namespace steepest::STEEPEST_ISA {

namespace {

bool same_shape(const py::array& a, const py::array& b) {
    if (a.ndim() != b.ndim()) return false;
    for (py::ssize_t i = 0; i < a.ndim(); ++i)
        if (a.shape(i) != b.shape(i)) return false;
    return true;
}

bool comparable(py::handle prediction, py::handle target) {
    const py::array f = as_array(prediction), y = as_array(target);
    return f.ndim() >= 1 && f.ndim() <= 2 && f.size() > 0 && same_shape(f, y);
}

py::object bind_mse(py::object prediction, py::object target) {
    return with_scalar_type(
        [&](auto t) -> py::object {
            using T = decltype(t);
            if (!comparable(prediction, target)) return not_implemented();
            const Index n = as_array(prediction).size();
            const T *f = data<T>(prediction), *y = data<T>(target);
            double loss;
            {
                ReleaseGil release(n);
                loss = mse(f, y, n);
            }
            return py::float_(loss);
        },
        prediction, target);
}

py::object bind_mse_gradient(py::object prediction, py::object target) {
    return with_scalar_type(
        [&](auto t) -> py::object {
            using T = decltype(t);
            if (!comparable(prediction, target)) return not_implemented();
            const Index n = as_array(prediction).size();
            auto gradient = new_array<T>(shape_of(prediction));
            const T *f = data<T>(prediction), *y = data<T>(target);
            T* d = gradient.mutable_data();
            {
                ReleaseGil release(n);
                mse_gradient(f, y, n, d);
            }
            return gradient;
        },
        prediction, target);
}

// target: classes in [0, K), or probabilities.
py::object bind_softmax(py::object logits, py::object target) {
    auto run = [&](auto t) -> py::object {
        using T = decltype(t);
        const bool classes = is_class_array(target);
        if (as_array(logits).ndim() != 2 || as_array(logits).size() == 0) return not_implemented();
        const auto z = matrix<T>(logits);
        if (classes ? !are_classes(target, z.rows, z.cols) : !comparable(logits, target))
            return not_implemented();
        auto gradient = new_array<T>(shape_of(logits));
        T* d = gradient.mutable_data();
        const std::int64_t* c = classes ? data<std::int64_t>(target) : nullptr;
        const T* p = classes ? nullptr : data<T>(target);
        double loss;
        {
            ReleaseGil release(z.size());
            const Index stride = padded<T>(z.cols);
            Buffer<T> rows(z.rows * stride), targets(p ? z.rows * stride : 0);
            Buffer<double> losses(z.rows);
            copy_rows(z.rows, z.cols, z.data, z.cols, rows.data(), stride);
            if (p) copy_rows(z.rows, z.cols, p, z.cols, targets.data(), stride);
            const double scale = 1.0 / static_cast<double>(z.rows);
            softmax_cross_entropy<T>(z.rows, z.cols, rows.data(), stride, c, targets.data(), nullptr, scale,
                                     losses.data());
            copy_rows(z.rows, z.cols, rows.data(), stride, d, z.cols);
            loss = scale * sum(losses.data(), z.rows);
        }
        return py::make_tuple(loss, gradient);
    };
    if (is_class_array(target)) return with_scalar_type(run, logits);
    return with_scalar_type(run, logits, target);
}

py::object bind_logistic(py::object logits, py::object target) {
    return with_scalar_type(
        [&](auto t) -> py::object {
            using T = decltype(t);
            if (!comparable(logits, target)) return not_implemented();
            const auto z = matrix<T>(logits);
            auto gradient = new_array<T>(shape_of(logits));
            T* d = gradient.mutable_data();
            const T* y = data<T>(target);
            double loss;
            {
                ReleaseGil release(z.size());
                std::memcpy(d, z.data, static_cast<std::size_t>(z.size()) * sizeof(T));
                const double scale = 1.0 / static_cast<double>(z.size());
                Buffer<double> losses(z.size());
                // One column: the entries are independent, and vectors are filled whatever the shape.
                entry_losses<T>(LogisticCrossEntropy{}, z.size(), 1, d, y, 1, nullptr, scale, losses.data());
                loss = scale * sum(losses.data(), z.size());
            }
            return py::make_tuple(loss, gradient);
        },
        logits, target);
}

// Values and derivatives of a loss that is a sum over entries, one for each entry.
py::object bind_loss_terms(py::object prediction, py::object target, py::object loss) {
    const LossConfig config = loss_config(loss);
    if (config.kind == Loss::softmax) throw std::invalid_argument("the softmax is no sum over entries");
    return with_scalar_type(
        [&](auto t) -> py::object {
            using T = decltype(t);
            const py::array f = as_array(prediction), y = as_array(target);
            if (!same_shape(f, y)) return not_implemented();
            auto values = new_array<double>(shape_of(prediction));
            auto derivatives = new_array<T>(shape_of(prediction));
            T* d = derivatives.mutable_data();
            const Index n = f.size();
            std::memcpy(d, f.data(), static_cast<std::size_t>(n) * sizeof(T));
            differentiate_loss<T>(config, n, 1, d, data<T>(target), 1, nullptr, 1.0, values.mutable_data());
            return py::make_tuple(values, derivatives);
        },
        prediction, target);
}

// Softmax of each row of logits (n, K).
py::object bind_softmax_rows(py::object logits) {
    return with_scalar_type(
        [&](auto t) -> py::object {
            using T = decltype(t);
            if (as_array(logits).ndim() != 2) return not_implemented();
            const auto z = matrix<T>(logits);
            auto probabilities = new_array<T>(shape_of(logits));
            T* p = probabilities.mutable_data();
            if (z.size() == 0) return probabilities;
            {
                ReleaseGil release(z.size());
                Buffer<T> row(padded<T>(z.cols));
                const std::size_t bytes = static_cast<std::size_t>(z.cols) * sizeof(T);
                for (Index i = 0; i < z.rows; ++i) {
                    std::memcpy(row.data(), z.row(i), bytes);
                    softmax_row(z.cols, row.data());
                    std::memcpy(p + i * z.cols, row.data(), bytes);
                }
            }
            return probabilities;
        },
        logits);
}

}  // namespace

void bind_losses(py::module_& m) {
    m.def("mse", &bind_mse);
    m.def("mse_gradient", &bind_mse_gradient);
    m.def("softmax_cross_entropy", &bind_softmax);
    m.def("logistic_cross_entropy", &bind_logistic);
    m.def("softmax", &bind_softmax_rows);
    m.def("loss_terms", &bind_loss_terms);
}

}  // namespace steepest::STEEPEST_ISA
