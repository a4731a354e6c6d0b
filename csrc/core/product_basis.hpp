// The basis of a polynomial in several variables: products of polynomials of one variable each. Term 0 is 1,
// and
//     phi_t(u) = phi_parent(u) p_power(u_variable),
// one product for a term, where the parent is the term without its last variable. What is orthonormal on the
// data are combinations of these, q = mixing phi. Points are in the lanes, a group of them at a time, and no
// design matrix is ever whole.
#pragma once

#include "core/polynomial.hpp"

namespace steepest::STEEPEST_ISA {

struct ProductBasis {
    Index variables = 0, degree = 0;      // the highest power of one variable
    Index terms = 0;                      // beside the constant
    const double* units = nullptr;        // (variables, 2): u = (x - middle) / half; half = 0: u = 0
    const double* recurrences = nullptr;  // (variables, 3, degree): a, b and c
    const std::int64_t* table =
        nullptr;                     // (terms, 3): parent, variable and power, the parent before the term
    const double* mixing = nullptr;  // (terms + 1, terms + 1), of which the lower triangle is read

    PolynomialBasis of(Index variable) const {
        const double* a = recurrences + 3 * degree * variable;
        return {false, a, a + degree, a + 2 * degree};
    }
    bool is_valid() const {
        if (variables < 1 || degree < 0 || terms < 0) return false;
        for (Index t = 0; t < terms; ++t) {
            const std::int64_t *entry = table + 3 * t, parent = entry[0], variable = entry[1];
            if (parent < 0 || parent > t || variable < 0 || variable >= variables || entry[2] < 0 ||
                entry[2] > degree)
                return false;
        }
        return true;
    }
};

// The values at one group of points, and the slopes.
class ProductValues {
  public:
    static constexpr int vectors = 4;
    static constexpr Index group = vectors * width<double>;

    explicit ProductValues(const ProductBasis& basis)
        : basis_(basis),
          points_(basis.variables * group),
          powers_(basis.variables * (basis.degree + 1) * group),
          terms_((basis.terms + 1) * group),
          mixed_(basis.mixing ? (basis.terms + 1) * group : 0) {}

    // (terms + 1, group); further points of the group than `count` are 0, the middle.
    template <class T, class Rows>
    const double* at(const MatrixView<const T>& points, const Rows& rows, Index first, Index count) {
        read(points, rows, first, count);
        for (Index j = 0; j < basis_.variables; ++j) {
            Point u;
            load_point(points_.data() + j * group, u);
            visit_basis(basis_.of(j), basis_.degree, u, [&](Index k, const Point& p) {
                store_point(powers_.data() + (j * (basis_.degree + 1) + k) * group, p);
            });
        }
        multiply();
        return basis_.mixing ? mix() : terms_.data();
    }

    // The derivatives of the terms, before any mixing, by one variable u, at the points of the last call.
    const double* slopes(Index variable) {
        slopes_.reserve((basis_.terms + 1) * group);
        differentiate(variable);
        const Point none{};
        store_point(slopes_.data(), none);
        for (Index t = 0; t < basis_.terms; ++t) {
            const std::int64_t* entry = basis_.table + 3 * t;
            Point of_parent, factor;
            if (entry[1] == variable) {
                load_point(terms_.data() + entry[0] * group, of_parent);
                load_point(power_slopes_.data() + entry[2] * group, factor);
            } else {
                load_point(slopes_.data() + entry[0] * group, of_parent);
                load_point(power(entry[1], entry[2]), factor);
            }
            for (int v = 0; v < vectors; ++v) of_parent[v] = of_parent[v] * factor[v];
            store_point(slopes_.data() + (t + 1) * group, of_parent);
        }
        return slopes_.data();
    }

  private:
    using Point = Vec<double>[vectors];

    static STEEPEST_INLINE void load_point(const double* from, Point& to) {
        for (int v = 0; v < vectors; ++v) to[v] = load(from + v * width<double>);
    }
    static STEEPEST_INLINE void store_point(double* to, const Point& from) {
        for (int v = 0; v < vectors; ++v) store(to + v * width<double>, from[v]);
    }
    double* power(Index variable, Index k) {
        return powers_.data() + (variable * (basis_.degree + 1) + k) * group;
    }

    template <class T, class Rows>
    void read(const MatrixView<const T>& points, const Rows& rows, Index first, Index count) {
        for (Index j = 0; j < basis_.variables; ++j) {
            const double middle = basis_.units[2 * j], half = basis_.units[2 * j + 1];
            double* u = points_.data() + j * group;
            for (Index i = 0; i < group; ++i) {
                const double x = i < count ? static_cast<double>(points.row(rows[first + i])[j]) : middle;
                u[i] = half == 0 ? 0.0 : (x - middle) / half;
            }
        }
    }

    void multiply() {
        const Point one{Vec<double>{} + 1.0, Vec<double>{} + 1.0, Vec<double>{} + 1.0, Vec<double>{} + 1.0};
        store_point(terms_.data(), one);
        for (Index t = 0; t < basis_.terms; ++t) {
            const std::int64_t* entry = basis_.table + 3 * t;
            Point product, factor;
            load_point(terms_.data() + entry[0] * group, product);
            load_point(power(entry[1], entry[2]), factor);
            for (int v = 0; v < vectors; ++v) product[v] = product[v] * factor[v];
            store_point(terms_.data() + (t + 1) * group, product);
        }
    }

    const double* mix() {
        for (Index t = 0; t <= basis_.terms; ++t) {
            const double* row = basis_.mixing + t * (basis_.terms + 1);
            Point sum{}, term;
            for (Index s = 0; s <= t; ++s) {
                load_point(terms_.data() + s * group, term);
                for (int v = 0; v < vectors; ++v) sum[v] = fma(splat(row[s]), term[v], sum[v]);
            }
            store_point(mixed_.data() + t * group, sum);
        }
        return mixed_.data();
    }

    // p_{k+1}' = (a_k u + b_k) p_k' + a_k p_k - c_k p_{k-1}'.
    void differentiate(Index variable) {
        power_slopes_.reserve((basis_.degree + 1) * group);
        const PolynomialBasis basis = basis_.of(variable);
        Point u, p, slope{}, before{};
        load_point(points_.data() + variable * group, u);
        store_point(power_slopes_.data(), slope);
        for (Index k = 0; k < basis_.degree; ++k) {
            load_point(power(variable, k), p);
            const Vec<double> a = splat(basis.a[k]), b = splat(basis.b[k]), c = splat(-basis.c[k]);
            for (int v = 0; v < vectors; ++v) {
                const Vec<double> next = fma(c, before[v], fma(fma(a, u[v], b), slope[v], a * p[v]));
                before[v] = slope[v];
                slope[v] = next;
            }
            store_point(power_slopes_.data() + (k + 1) * group, slope);
        }
    }

    const ProductBasis& basis_;
    Buffer<double> points_, powers_, terms_, mixed_, slopes_, power_slopes_;
};

// The rows of a linear model that is such a polynomial: column j of row i is term j + 1 at points[i], and
// term 0 is the bias.
template <class T>
struct ProductRows {
    MatrixView<const T> points;  // (rows, variables), as the data have them
    ProductBasis basis;

    // visit(i, count, values) for the rows i ... i + count of those that `rows` names; values (terms + 1,
    // group).
    template <class Rows, class Visit>
    void for_groups(const Rows& rows, Index first, Index end, Visit&& visit) const {
        ProductValues values(basis);
        for (Index i = first; i < end; i += ProductValues::group) {
            const Index count = end - i < ProductValues::group ? end - i : ProductValues::group;
            visit(i, count, values.at(points, rows, i, count));
        }
    }

    // `count` rows from r0 on, each padded with zeros to `stride`.
    template <class Rows>
    void expand(const Rows& rows, Index r0, Index count, T* to, Index stride) const {
        for_groups(rows, r0, r0 + count, [&](Index i, Index here, const double* values) {
            for (Index r = 0; r < here; ++r) {
                T* row = to + (i + r) * stride;
                for (Index j = 0; j < basis.terms; ++j)
                    row[j] = static_cast<T>(values[(j + 1) * ProductValues::group + r]);
                for (Index j = basis.terms; j < stride; ++j) row[j] = 0;
            }
        });
    }

    // f[k] = sum_t theta[k, t] phi_t at some consecutive rows; theta (outputs, terms + 1), f (rows, outputs).
    template <class Rows>
    void predict(const Rows& rows, Index first, Index end, const double* theta, Index outputs, T* f) const {
        alignas(lane_bytes) double sums[ProductValues::group];
        for_groups(rows, first, end, [&](Index i, Index here, const double* values) {
            for (Index k = 0; k < outputs; ++k) {
                weigh(theta + k * (basis.terms + 1), values, sums);
                for (Index r = 0; r < here; ++r) f[(i + r) * outputs + k] = static_cast<T>(sums[r]);
            }
        });
    }

    // df[k] / du_j, (rows, outputs, variables).
    template <class Rows>
    void slopes(const Rows& rows, Index first, Index end, const double* theta, Index outputs, T* df) const {
        alignas(lane_bytes) double sums[ProductValues::group];
        ProductValues values(basis);
        for (Index i = first; i < end; i += ProductValues::group) {
            const Index here = end - i < ProductValues::group ? end - i : ProductValues::group;
            values.at(points, rows, i, here);
            for (Index j = 0; j < basis.variables; ++j) {
                const double* slopes = values.slopes(j);
                for (Index k = 0; k < outputs; ++k) {
                    weigh(theta + k * (basis.terms + 1), slopes, sums);
                    for (Index r = 0; r < here; ++r)
                        df[((i + r) * outputs + k) * basis.variables + j] = static_cast<T>(sums[r]);
                }
            }
        }
    }

  private:
    void weigh(const double* theta, const double* values, double* to) const {
        constexpr int vectors = ProductValues::vectors;
        Vec<double> sum[vectors]{};
        for (Index t = 0; t <= basis.terms; ++t)
            for (int v = 0; v < vectors; ++v)
                sum[v] =
                    fma(splat(theta[t]), load(values + t * ProductValues::group + v * width<double>), sum[v]);
        for (int v = 0; v < vectors; ++v) store(to + v * width<double>, sum[v]);
    }
};

}  // namespace steepest::STEEPEST_ISA
