-- The words of headlines, and what they name.

-- A text as words: small letters and digits alone; a code is one word however it is written, 'MFT-101' as
-- 'MFT 101'; a year stays apart.
create or replace macro headline_words(text) as
    regexp_replace(
        trim(regexp_replace(lower(strip_accents(coalesce(text, ''))), '[^a-z0-9]+', ' ', 'g')),
        '\b([a-z]{2,5}) (\d{3}|[03-9]\d{3}|1[0-8]\d{2}|2[1-9]\d{2}|\d{5,})\b', '\1\2', 'g');

-- The words that tell a condition, in one spelling each: abbreviations written out, plurals and variants as one, and without
-- words that any condition may have.
create or replace macro condition_words(text) as
    list_distinct(list_transform(
        list_filter(
            flatten(list_transform(string_split(headline_words(text), ' '), lambda word:
                string_split(case word
                    when 'nsclc' then 'lung cancer' when 'sclc' then 'lung cancer'
                    when 'copd' then 'obstructive pulmonary' when 'ipf' then 'pulmonary fibrosis'
                    when 'pah' then 'pulmonary hypertension' when 'aml' then 'myeloid leukemia'
                    when 'cll' then 'lymphocytic leukemia' when 'dlbcl' then 'lymphoma'
                    when 'hcc' then 'hepatocellular cancer' when 'crc' then 'colorectal cancer'
                    when 'nash' then 'steatohepatitis' when 'mash' then 'steatohepatitis'
                    when 'dmd' then 'duchenne muscular dystrophy' when 'als' then 'amyotrophic lateral sclerosis'
                    when 'sma' then 'spinal muscular atrophy' when 'gvhd' then 'graft host'
                    when 'mdd' then 'depression' when 'depressive' then 'depression'
                    when 'adhd' then 'attention deficit hyperactivity' when 'ptsd' then 'posttraumatic stress'
                    when 't2d' then 'diabetes' when 't1d' then 'diabetes' when 'covid' then 'covid19'
                    when 'rsv' then 'respiratory syncytial' when 'tumour' then 'tumor' when 'tumours' then 'tumor'
                    when 'neoplasm' then 'cancer' when 'neoplasms' then 'cancer' when 'carcinoma' then 'cancer'
                    when 'carcinomas' then 'cancer' when 'adenocarcinoma' then 'cancer'
                    when 'leukaemia' then 'leukemia' when 'anaemia' then 'anemia'
                    when 'schizophrenic' then 'schizophrenia' when 'asthmatic' then 'asthma'
                    when 'diabetic' then 'diabetes' when 'psoriatic' then 'psoriasis'
                    when 'eczema' then 'atopic dermatitis' when 'obese' then 'obesity'
                    when 'overweight' then 'obesity' when 'renal' then 'kidney' when 'hepatic' then 'liver'
                    when 'cardiac' then 'heart'
                    else word
                end, ' '))),
            lambda word: length(word) > 1 and not regexp_full_match(word,
                'and|or|of|the|in|with|to|for|by|due|non|not|no|small|cell|cells|disease|diseases|disorder|disorders|syndrome|syndromes'
                    || '|mellitus|type|chronic|acute|stage|stages|grade|severe|moderate|mild|advanced|metastatic'
                    || '|recurrent|refractory|relapsed|relapsing|remitting|early|late|primary|secondary|adult|adults'
                    || '|childhood|pediatric|patients?|subjects?|unspecified|other|major|patient|treatment|therapy'
                    || '|associated|related|induced|positive|negative|systemic|erythematosus|community|acquired|iii|iv'
                    || '|\d+')),
        lambda word: regexp_replace(
            replace(replace(replace(word, 'haem', 'hem'), 'oede', 'ede'), 'paed', 'ped'),
            '^(\w{3,}[^sui])s$', '\1')));

-- Whether a word alone tells no condition: a part of the body, or what is said of many parts.
create or replace macro is_weak_condition_word(word) as
    regexp_full_match(word,
        'cancer|tumor|infection|failure|pain|injury|injurie|wound|complication|deficiency|insufficiency|attack|inflammation'
            || '|fibrosis|hypertension|lung|breast|liver|heart|kidney|skin|brain|colon|bone|blood|eye|muscle|muscular'
            || '|nerve|cell|gastric|bladder|pulmonary|respiratory|coronary|artery|cardiovascular|vascular|spinal|cervical'
            || '|ovarian|prostate|pancreatic|thyroid|neck|head|solid|oral|dental|abdominal|lower|upper|left|right|back'
            || '|joint|limb|host|stress|weight|loss|healthy|volunteer|function|safety|health|surgery|prevention|drug|use'
            || '|quality|life|bacterial|viral|virus|primary|response|plaque|episodic|efficacy|result|data|outcome|effect'
            || '|evaluation|study|trial|phase|company|significant|program|new|care|clinical');

-- Whether words name a condition, both in the spelling of condition_words: a telling word and half of all, else all of them.
create or replace macro names_condition(words, condition) as
    len(condition) > 0
    and case
        when len(list_filter(condition, lambda word: not is_weak_condition_word(word))) = 0
            then list_has_all(words, condition)
        else len(list_intersect(words, condition)) >= 0.5 * len(condition)
            and len(list_filter(list_intersect(words, condition), lambda word: not is_weak_condition_word(word))) > 0
    end;

-- The phases that a headline names, by their digits; 'late-stage' is 3, 'mid-stage' 2, 'pivotal' 3.
create or replace macro phases_named(words) as
    list_distinct(list_concat(
        list_transform(
            flatten(list_transform(
                regexp_extract_all(words, '\bphase (?:[1-4]|iv|i{1,3})[ab]?(?: [1-3]| i{1,3}\b)?'),
                lambda found: string_split(regexp_replace(found, '^phase ', ''), ' '))),
            lambda digit: case regexp_replace(digit, '[ab]$', '')
                when 'i' then 1 when 'ii' then 2 when 'iii' then 3 when 'iv' then 4
                else try_cast(regexp_replace(digit, '[ab]$', '') as integer)
            end),
        list_filter(
            [case when regexp_matches(words, '\blate stage (trial|study)|\bpivotal\b') then 3 end,
             case when regexp_matches(words, '\bmid ?stage (trial|study)') then 2 end,
             case when regexp_matches(words, '\bearly stage (trial|study)|\bfirst in human\b') then 1 end],
            lambda digit: digit is not null)));

-- Whether a headline tells of a trial's results or its stop, rather than that it goes on or will be talked about.
create or replace macro tells_result(words) as
    regexp_matches(words,
        '\b(results?|top ?line|data|meets?|met|miss(es|ed)?|fail(s|ed|ure)?|hits?|succe(ss|eds?|eded)|endpoints?|superior\w*|inferior\w*'
            || '|improve[sd]?|improvement|reduce[sd]?|reduction|beats?|efficacy|efficacious|effective|benefit|significant(ly)?|responses?'
            || '|survival|futility|halt(s|ed)?|stops?|stopped|discontinu\w*|terminat\w*|setback|disappoint\w*|ineffective|positive|negative'
            || '|shows?|showed|demonstrat\w*|deaths?|clinical hold|ended|ends|does not|no better|no effect|plunge|soars?|jumps?)\b')
    and not regexp_matches(words,
        '\b(to (present|host|report|announce|participate|webcast|showcase)|will (present|report|host)|financial results|quarter'
            || '|enrol\w* (of|complet\w*)|complet\w* enrol\w*|first patient|last patient|initiat\w*|conference call|trial design'
            || '|doses? first|plans? to|set to|upcoming)\b');

-- Whether a name of a drug, in plain words, is no more than a kind of treatment.
create or replace macro is_common_drug_word(name) as
    regexp_full_match(name,
        '(combination |standard |study |investigational |oral |active |adjuvant )*(vaccines?|chemotherapy|radiation|radiotherapy|therapy'
            || '|treatments?|immunotherapy|antibody|antibodies|surgery|exercise|control|standard|study|diet|pain|test|oxygen|drug|drugs'
            || '|dose|cohort|arm|group|part|placebo|water|food|blood|cell|cells|gene|intervention|usual care|standard of care|care'
            || '|medication|device|injection|infusion|phase|trial|children|adults|heart|cancer|health|data|results|best|first)( [a-z0-9])?');
