"""Spectrum and source as one probability: a product of experts whose powers were fitted on objects with both.

    p(class | all)  ~  p(class | spectrum)^a  *  product over the evidence e of  p(e | class)^w_e

What is not known of an object is left out of the product. `evidence` measures, `laws` say how likely what was measured
is under each class, `product` joins, `stored` reads what was fitted.
"""
