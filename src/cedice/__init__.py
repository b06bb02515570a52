import os

# Before anything imports torch: threads that wait for each other sleep instead of spinning. Alone on a machine that costs a few
# percent; beside another training on the same cores, spinning makes both ten times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
