"""Comparisons of students: what is compared, what each learns from, and how sure a difference is."""
