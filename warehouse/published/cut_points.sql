-- The cut points that this release's votes rest on, as the fit holds them.
from cut_point
