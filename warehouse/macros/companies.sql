-- The names of companies, cleaned in one way, so that a registry's sponsor, the SEC's list and a headline can be compared.

-- Small letters without accents, remarks ('(formerly X)', 'now a subsidiary of X', 'a Sanofi company', the SEC's '/DE/') and
-- punctuation; 'S.p.A.' and 'A/S' become 'spa' and 'as', 'Johnson & Johnson' 'johnson and johnson'.
create or replace macro company_words(text) as
    trim(regexp_replace(
        regexp_replace(
            regexp_replace(
                regexp_replace(
                    regexp_replace(
                        regexp_replace(replace(lower(strip_accents(text)), '&', ' and '), '\([^)]*\)|\s/.*$|[''’]', '', 'g'),
                        ',? (?:is )?(?:now )?(?:a |an )?(?:wholly[- ]owned )?(?:subsidiary|division|part|affiliate) of .*$'
                            || '|, an? [a-z ]+ company$', ''),
                    '\b([a-z])[./]([a-z])[./]([a-z])\b\.?', '\1\2\3', 'g'),
                '\b([a-z])[./]([a-z])\b\.?', '\1\2', 'g'),
            '[^a-z0-9]+', ' ', 'g'),
        '^ *the ', ''));

-- Without the words for its legal form at the end: 'Pfizer Inc.' is 'pfizer'.
create or replace macro company_name(text) as
    regexp_replace(company_words(text),
        '( (and|inc|incorporated|corp|corporation|co|company|companies|ltd|limited|plc|ag|aktiengesellschaft|sa|sab|sas|sarl|srl'
            || '|spa|se|nv|bv|gmbh|kg|kgaa|ab|publ|as|asa|aps|oy|oyj|pty|pte|kk|llc|lc|llp|lp|holdings?|group|adr|ads))+$', '');

-- Without the words for its trade and place either: 'Novartis Pharmaceuticals' and 'Novartis AG' are 'novartis'.
create or replace macro company_core(text) as
    regexp_replace(company_name(text),
        '( (and|inc|llc|gmbh|bio|immunotherapeutics|pharmaceuticals?|pharmaceutica|pharmaceutics|pharma|therapeutics?'
            || '|biotherapeutics|biopharma|biopharmaceuticals?|biosciences?|biotech|biotechnology|biotechnologies'
            || '|biologics|sciences?|life|laboratories|labs|medical|medicines?|healthcare|health|oncology|vaccines'
            || '|research|development|r|d|industries|diagnostics|devices|technologies|global|worldwide|international'
            || '|americas?|north|us|usa|uk|europe|japan|china|canada|australia|korea|taiwan|india|germany|deutschland'
            || '|france))+$', '');

-- What is left out of a name when its core is taken: 'pharmaceuticals'.
create or replace macro company_trade(text) as
    trim(substr(company_name(text), length(company_core(text)) + 1));

-- Whether a core tells a company: of four letters or with a digit, and no word that many companies or headlines have.
create or replace macro is_telling_core(core) as
    regexp_matches(core, '^[a-z0-9 ]{4,}$|\d')
    and core not in (
        'advanced', 'alliance', 'american', 'applied', 'atlantic', 'better', 'beam', 'capital', 'cell', 'clinical', 'data',
        'design', 'direct', 'energy', 'equinox', 'first', 'focus', 'forte', 'galaxy', 'general', 'gene', 'genetic', 'global',
        'heart', 'horizon', 'immune', 'insight', 'journey', 'liberty', 'medical', 'miles', 'national', 'neptune', 'neuro',
        'omega', 'oncology', 'optimum', 'pacific', 'phase', 'pharma', 'precision', 'premier', 'progress', 'protein', 'pulse',
        'science', 'standard', 'sunrise', 'target', 'trial', 'union', 'united', 'unity', 'universal', 'vector', 'venus', 'vision');
