// Special functions of single numbers, in double. They are too rare for kernels of every instruction
// set, and are the same on all.
#pragma once

namespace steep::ops::scalar {

// gamma.cpp: log gamma(x) and its derivative for x > 0.
double lgamma(double x);
double digamma(double x);
// gamma.cpp: its second derivative for any x; infinite at 0 and the negative whole numbers.
double trigamma(double x);
// gamma.cpp: the sum of (q + k)^-s over k from 0, Hurwitz's zeta function.
double zeta(double s, double q);

// incomplete.cpp: the regularised incomplete gamma functions, P(a, x) and 1 - P(a, x).
double igamma(double a, double x);
double igammac(double a, double x);

// tails.cpp: the integral of t^(a-1) exp(-t) from 0 to x, or from x on where `upper`, divided by
// its integrand at x.
double gamma_tail(double a, double x, bool upper);
// draw_slopes.cpp: how a draw x of a gamma distribution moves with its parameter a while its rank
// stays: -(dP/da) / (dP/dx); and as much of it as a float holds.
double gamma_draw_slope(double a, double x);
double gamma_draw_slope_single(double a, double x);
// draw_slopes.cpp: the same of a beta distribution's first parameter, divided by 1 - x.
double beta_draw_slope(double a, double b, double x);
double beta_draw_slope_single(double a, double b, double x);
// tails.cpp: both by quadrature, for all arguments above 0, at 70 exponentials each.
double gamma_slope_by_quadrature(double a, double x);
double beta_slope_by_quadrature(double a, double b, double x);

// bessel.cpp: the modified Bessel functions of the first kind, the last two times exp(-|x|).
double i0(double x);
double i1(double x);
double i0e(double x);
double i1e(double x);

// normal.cpp: exp(x^2) erfc(x); the normal distribution's log-probability of draws up to x, and the
// value up to which draws lie with probability p.
double erfcx(double x);
double log_ndtr(double x);
double ndtri(double p);

}  // namespace steep::ops::scalar
