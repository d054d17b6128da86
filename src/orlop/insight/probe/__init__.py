"""Trying what a target should not be able to do, in a copy of its context, beside what is expected.

attempts      what `orlop-probe` tries, and by which system calls
facts         what the kernel says of the target, as far as it decides about these
expectations  from the facts to what should come out: rules, and nothing is looked up
budget        which limits can be tried without harm
run           the copy of the context, and the program in it
report        expected beside observed
"""
