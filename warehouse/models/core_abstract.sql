select pmid, abstract
from raw_pubmed__article
where abstract is not null
